"""Workers on a Dask cluster.

`members` finds the workers of a scheduler, `channel` exchanges frames with one of them over Dask's
own connections (`wire`), and `relay`, inside the Dask worker, passes the frames on to a process of
the tool that it starts. `local` is a cluster on this machine.
"""

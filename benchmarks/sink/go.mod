module cos-migrate/benchmarks/sink

go 1.22

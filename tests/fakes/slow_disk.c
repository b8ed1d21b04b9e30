/* A disk on which each look at a file takes 2 ms, as over a network: LD_PRELOAD it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLOW(name, type)                                                   \
    int name(const char *path, struct type *found) {                       \
        int (*real)(const char *, struct type *) = dlsym(RTLD_NEXT, #name); \
        usleep(2000);                                                      \
        return real(path, found);                                          \
    }

SLOW(stat, stat)
SLOW(lstat, stat)
SLOW(stat64, stat64)
SLOW(lstat64, stat64)

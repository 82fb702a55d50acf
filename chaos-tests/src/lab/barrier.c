/* Barriers that are slow or fail: stands before fsync and fdatasync in a node's process.
 *
 * The file named by CHAOS_BARRIER says how many milliseconds each takes, or "fail"; it is read each time,
 * so that it can change while the process runs. Only files under the folder named by CHAOS_DISK are meant:
 * what the node writes elsewhere for whoever looks at it is on no disk of its own. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int is_on_disk(int fd)
{
    char link[32], path[PATH_MAX];
    const char *disk = getenv("CHAOS_DISK");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = disk ? readlink(link, path, sizeof path) : -1;
    return length >= 0 && (size_t)length > strlen(disk) && strncmp(path, disk, strlen(disk)) == 0;
}

static int barrier(const char *name, int fd)
{
    char said[16] = "";
    const char *path = getenv("CHAOS_BARRIER");
    int file = path && is_on_disk(fd) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0) {
        ssize_t length = read(file, said, sizeof said - 1);
        said[length > 0 ? length : 0] = '\0';
        close(file);
    }
    if (strncmp(said, "fail", 4) == 0) {
        errno = EIO;
        return -1;
    }
    long ms = atol(said);
    if (ms > 0) {
        struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
        while (nanosleep(&wait, &wait) != 0 && errno == EINTR)
            ;
    }
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    return real(fd);
}

int fsync(int fd) { return barrier("fsync", fd); }
int fdatasync(int fd) { return barrier("fdatasync", fd); }

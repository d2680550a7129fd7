/*
 * Makes one call of a real process fail: preloaded (LD_PRELOAD), and armed through a file that both sides map, named by
 * FAULT_CONTROL. Only files whose path contains FAULT_PATH are touched.
 *
 * The one who arms writes which call it is, how many of them go through first, and what happens then; see `struct control`.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FDATASYNC = 1, FSYNC, WRITE, READ, OPEN, RENAME, LINK, UNLINK };

struct control {
  /* Which call; 0 is none. */
  _Atomic uint32_t call;
  /* Calls that still go through. */
  _Atomic int32_t before;
  /* The error number, or 0: the write is short. */
  _Atomic uint32_t error;
  /* 1: every later call fails as well. */
  _Atomic uint32_t forever;
  /* Counts the calls of the armed kind, and those that failed. */
  _Atomic uint32_t seen;
  _Atomic uint32_t failed;
};

static struct control *control;
static const char *wanted;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("FAULT_CONTROL");
  wanted = getenv("FAULT_PATH");
  if (path == NULL || wanted == NULL) return;
  int file = open(path, O_RDWR);
  void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) {
    perror(path);
    exit(1);
  }
  close(file);
  control = mapped;
}

static int strikes(void) {
  control->seen++;
  int32_t left = control->before--;
  if (left > 0 || (left < 0 && !control->forever)) return 0;
  control->failed++;
  return 1;
}

static int path_strikes(uint32_t call, const char *path) {
  return control != NULL && control->call == call && strstr(path, wanted) != NULL && strikes();
}

static int file_strikes(uint32_t call, int file) {
  if (control == NULL || control->call != call) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strstr(path, wanted) != NULL && strikes();
}

static int failed(void) {
  errno = (int)control->error;
  return -1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fdatasync(int file) { return file_strikes(FDATASYNC, file) ? failed() : REAL(fdatasync)(file); }
int fsync(int file) { return file_strikes(FSYNC, file) ? failed() : REAL(fsync)(file); }

int rename(const char *from, const char *to) { return path_strikes(RENAME, to) ? failed() : REAL(rename)(from, to); }
int link(const char *from, const char *to) { return path_strikes(LINK, to) ? failed() : REAL(link)(from, to); }
int unlink(const char *path) { return path_strikes(UNLINK, path) ? failed() : REAL(unlink)(path); }

ssize_t write(int file, const void *bytes, size_t length) {
  if (!file_strikes(WRITE, file)) return REAL(write)(file, bytes, length);
  return control->error == 0 && length > 1 ? REAL(write)(file, bytes, length / 2) : failed();
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t offset) {
  if (!file_strikes(WRITE, file)) return REAL(pwrite64)(file, bytes, length, offset);
  return control->error == 0 && length > 1 ? REAL(pwrite64)(file, bytes, length / 2, offset) : failed();
}

ssize_t pwrite(int file, const void *bytes, size_t length, off_t offset) { return pwrite64(file, bytes, length, offset); }

ssize_t pread64(int file, void *into, size_t length, off64_t offset) {
  return file_strikes(READ, file) ? failed() : REAL(pread64)(file, into, length, offset);
}

#define OPENS(name)                                                        \
  int name(const char *path, int flags, ...) {                             \
    va_list more;                                                          \
    va_start(more, flags);                                                 \
    mode_t mode = va_arg(more, mode_t);                                    \
    va_end(more);                                                          \
    return path_strikes(OPEN, path) ? failed() : REAL(name)(path, flags, mode); \
  }
OPENS(open)
OPENS(open64)

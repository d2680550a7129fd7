/*
 * A disk that remembers: a FUSE file, to be put under a loop device, that records every write and every flush in
 * order, and can be told to fail them.
 *
 *   logdisk <image> <log> <control> <mountpoint>
 *
 * The image is read and never changed: what is written lives in memory and in the log. The file is <mountpoint>/disk.
 *
 * The log is a row of entries of 24 bytes, little endian: kind (1 a write, 2 a flush), mark and four zero bytes, offset,
 * length; a write's bytes follow it.
 *
 * The control file is mapped by both sides; see `struct control`. The mark is copied into each entry, so that whoever
 * reads the log knows what had been acknowledged when the entry was written.
 */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CONTROL_BYTES 4096

enum { WRITES_OK, WRITES_FAIL, WRITES_WITH_PATTERN_FAIL };

struct control {
  volatile uint32_t writes;
  volatile uint32_t flushes_fail;
  volatile uint32_t reads_fail;
  volatile uint32_t mark;
  /* Counts what was made to fail. */
  volatile uint32_t failed;
  volatile uint32_t pattern_length;
  char pattern[64];
};

struct entry {
  uint32_t kind;
  uint32_t mark;
  uint64_t offset;
  uint64_t length;
};

static uint8_t *disk;
static size_t disk_bytes;
static int log_file;
static struct control *control;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void put(const void *bytes, size_t length) {
  for (const char *at = bytes; length > 0;) {
    ssize_t count = write(log_file, at, length);
    if (count < 0) die("logdisk: writing the log");
    at += count;
    length -= (size_t)count;
  }
}

static void record(uint32_t kind, off_t offset, size_t length) {
  struct entry entry = {kind, control->mark, (uint64_t)offset, length};
  put(&entry, sizeof entry);
}

static int fails(int yes) {
  if (yes) control->failed++;
  return yes;
}

static int disk_getattr(const char *path, struct stat *stat, struct fuse_file_info *info) {
  (void)info;
  memset(stat, 0, sizeof *stat);
  if (strcmp(path, "/") == 0) {
    stat->st_mode = S_IFDIR | 0755;
    stat->st_nlink = 2;
    return 0;
  }
  if (strcmp(path, "/disk") != 0) return -ENOENT;
  stat->st_mode = S_IFREG | 0600;
  stat->st_nlink = 1;
  stat->st_size = (off_t)disk_bytes;
  return 0;
}

static int disk_open(const char *path, struct fuse_file_info *info) {
  (void)path;
  info->direct_io = 1; /* no page cache between the loop device and the log */
  return 0;
}

static int disk_read(const char *path, char *into, size_t length, off_t offset, struct fuse_file_info *info) {
  (void)path, (void)info;
  if (fails(control->reads_fail)) return -EIO;
  if ((size_t)offset >= disk_bytes) return 0;
  if ((size_t)offset + length > disk_bytes) length = disk_bytes - (size_t)offset;
  memcpy(into, disk + offset, length);
  return (int)length;
}

static int disk_write(const char *path, const char *bytes, size_t length, off_t offset, struct fuse_file_info *info) {
  (void)path, (void)info;
  uint32_t mode = control->writes;
  int matches = mode == WRITES_WITH_PATTERN_FAIL && memmem(bytes, length, control->pattern, control->pattern_length) != NULL;
  if (fails(mode == WRITES_FAIL || matches)) return -EIO;
  if ((size_t)offset + length > disk_bytes) return -ENOSPC;
  record(1, offset, length);
  put(bytes, length);
  memcpy(disk + offset, bytes, length);
  return (int)length;
}

static int disk_fsync(const char *path, int data_only, struct fuse_file_info *info) {
  (void)path, (void)data_only, (void)info;
  if (fails(control->flushes_fail)) return -EIO;
  record(2, 0, 0);
  return 0;
}

static const struct fuse_operations operations = {
    .getattr = disk_getattr, .open = disk_open, .read = disk_read, .write = disk_write, .fsync = disk_fsync};

int main(int count, char **words) {
  if (count != 5) {
    fprintf(stderr, "logdisk <image> <log> <control> <mountpoint>\n");
    return 2;
  }
  int image = open(words[1], O_RDONLY);
  if (image < 0) die(words[1]);
  disk_bytes = (size_t)lseek(image, 0, SEEK_END);
  disk = mmap(NULL, disk_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, image, 0);
  log_file = open(words[2], O_CREAT | O_TRUNC | O_WRONLY, 0600);
  int control_file = open(words[3], O_CREAT | O_RDWR, 0600);
  if (disk == MAP_FAILED || log_file < 0 || control_file < 0 || ftruncate(control_file, CONTROL_BYTES) != 0) die("logdisk");
  control = mmap(NULL, CONTROL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, control_file, 0);
  if (control == MAP_FAILED) die(words[3]);
  /* One thread: the order of the log is the order of the calls. */
  char *arguments[] = {words[0], words[4], "-f", "-s", NULL};
  return fuse_main(4, arguments, &operations, NULL);
}

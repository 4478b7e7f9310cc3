/* A disk that keeps a record and can fail: preloaded into the binary under test, it sees every call by
 * which Rust's standard library and SQLite change files below $DISK_ROOT.
 *
 *   DISK_TRACE=FILE        appends a record of every such call (format below), in their order
 *   DISK_FAIL=N:ERRNO:HOW  the N-th call fails; HOW is `once`, or `on` for it and all that follow
 *
 * Record: 1 byte kind, then inode, offset and length as 8 bytes each (native order), then `length` bytes.
 *   C create (path)   M mkdir (path)   R rename (from, NUL, to)   U unlink (path)
 *   W write (bytes)   T truncate to offset   S sync of a file   D sync of a directory (path)
 *   A sync of all there is
 *
 * A memory map is not seen: SQLite maps only its -shm file, which no recovery reads.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static char root[PATH_MAX];
static size_t root_length;
static int trace = -1;
static long calls, fail_from;
static int fail_errno, fail_on;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void begin(void) {
  const char *text = getenv("DISK_ROOT");
  if (text && realpath(text, root) == NULL) {
    snprintf(root, sizeof root, "%s", text);
  }
  root_length = strlen(root);
  if ((text = getenv("DISK_TRACE"))) {
    trace = REAL(open)(text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  }
  char how[8] = "";
  if ((text = getenv("DISK_FAIL")) && sscanf(text, "%ld:%d:%7s", &fail_from, &fail_errno, how) == 3) {
    fail_on = strcmp(how, "on") == 0;
  }
}

static int is_below(const char *path) {
  return root_length > 0 && strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || path[root_length] == 0);
}

/* The path of a file that is open, when it is watched. */
static int watched_fd(int fd, char *path) {
  pthread_once(&once, begin);
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return is_below(path);
}

static int watched_path(const char *given, char *path) {
  pthread_once(&once, begin);
  if (given == NULL || strlen(given) >= PATH_MAX) return 0;
  if (given[0] == '/') {
    strcpy(path, given);
  } else {
    char here[PATH_MAX];
    if (getcwd(here, sizeof here) == NULL || strlen(here) + strlen(given) + 2 > PATH_MAX) return 0;
    snprintf(path, PATH_MAX, "%.*s/%.*s", PATH_MAX / 2, here, PATH_MAX / 2 - 2, given);
  }
  return is_below(path);
}

static unsigned long inode_of_fd(int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

static unsigned long inode_of_path(const char *path) {
  struct stat status;
  return lstat(path, &status) == 0 ? status.st_ino : 0;
}

/* Whether this call is to fail. `frees` what a full disk still does. */
static int fails(int frees) {
  calls += 1;
  int now = fail_from > 0 && (calls == fail_from || (fail_on && calls > fail_from));
  if (now && frees && fail_errno == ENOSPC) now = 0;
  if (now) errno = fail_errno;
  return now;
}

static void record(char kind, unsigned long inode, unsigned long offset, const void *bytes, unsigned long length) {
  if (trace < 0) return;
  int before = errno;
  unsigned long numbers[3] = {inode, offset, length};
  struct iovec parts[3] = {{&kind, 1}, {numbers, sizeof numbers}, {(void *)bytes, length}};
  if (REAL(writev)(trace, parts, 3) != (ssize_t)(1 + sizeof numbers + length)) abort();
  errno = before;
}

static int open_watched(const char *path, int flags, mode_t mode) {
  pthread_mutex_lock(&lock);
  int exists = inode_of_path(path) != 0;
  int creates = (flags & O_CREAT) && !exists;
  int cuts = (flags & O_TRUNC) && exists;
  int fd = -1;
  if (!((creates || cuts) && fails(0))) fd = REAL(open)(path, flags, mode);
  if (fd >= 0 && creates) record('C', inode_of_fd(fd), 0, path, strlen(path));
  if (fd >= 0 && cuts) record('T', inode_of_fd(fd), 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  return fd;
}

#define OPEN(name)                                          \
  int name(const char *given, int flags, ...) {             \
    mode_t mode = 0;                                        \
    if (flags & (O_CREAT | O_TMPFILE)) {                    \
      va_list more;                                         \
      va_start(more, flags);                                \
      mode = va_arg(more, mode_t);                          \
      va_end(more);                                         \
    }                                                       \
    char path[PATH_MAX];                                    \
    if (watched_path(given, path)) return open_watched(path, flags, mode); \
    return REAL(name)(given, flags, mode);                  \
  }
OPEN(open)
OPEN(open64)

static ssize_t write_watched(int fd, const void *bytes, size_t length, off_t at) {
  pthread_mutex_lock(&lock);
  ssize_t written = -1;
  if (!fails(0)) {
    off_t from = at;
    if (at < 0) from = (fcntl(fd, F_GETFL) & O_APPEND) ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
    written = at < 0 ? REAL(write)(fd, bytes, length) : REAL(pwrite)(fd, bytes, length, at);
    if (written > 0) record('W', inode_of_fd(fd), from, bytes, written);
  }
  pthread_mutex_unlock(&lock);
  return written;
}

ssize_t write(int fd, const void *bytes, size_t length) {
  char path[PATH_MAX];
  return watched_fd(fd, path) ? write_watched(fd, bytes, length, -1) : REAL(write)(fd, bytes, length);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
  char path[PATH_MAX];
  return watched_fd(fd, path) ? write_watched(fd, bytes, length, at) : REAL(pwrite)(fd, bytes, length, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) { return pwrite(fd, bytes, length, at); }

/* One part is enough: the caller goes on with the rest. */
ssize_t writev(int fd, const struct iovec *parts, int count) {
  char path[PATH_MAX];
  if (!watched_fd(fd, path)) return REAL(writev)(fd, parts, count);
  for (int part = 0; part < count; part++) {
    if (parts[part].iov_len > 0) return write_watched(fd, parts[part].iov_base, parts[part].iov_len, -1);
  }
  return 0;
}

/* Callers fall back to reading and writing, which is seen. */
ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t length, unsigned flags) {
  (void)in, (void)in_at, (void)out, (void)out_at, (void)length, (void)flags;
  errno = ENOSYS;
  return -1;
}

ssize_t sendfile(int out, int in, off_t *at, size_t count) {
  (void)out, (void)in, (void)at, (void)count;
  errno = ENOSYS;
  return -1;
}

ssize_t sendfile64(int out, int in, off64_t *at, size_t count) { return sendfile(out, in, at, count); }

int ftruncate(int fd, off_t length) {
  char path[PATH_MAX];
  if (!watched_fd(fd, path)) return REAL(ftruncate)(fd, length);
  pthread_mutex_lock(&lock);
  int result = fails(1) ? -1 : REAL(ftruncate)(fd, length);
  if (result == 0) record('T', inode_of_fd(fd), length, NULL, 0);
  pthread_mutex_unlock(&lock);
  return result;
}

int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

static int sync_watched(int fd, const char *path, int (*real)(int)) {
  pthread_mutex_lock(&lock);
  int result = fails(1) ? -1 : real(fd);
  struct stat status;
  if (result == 0 && fstat(fd, &status) == 0) {
    if (S_ISDIR(status.st_mode)) record('D', status.st_ino, 0, path, strlen(path));
    else record('S', status.st_ino, 0, NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  return result;
}

int fsync(int fd) {
  char path[PATH_MAX];
  return watched_fd(fd, path) ? sync_watched(fd, path, REAL(fsync)) : REAL(fsync)(fd);
}

int fdatasync(int fd) {
  char path[PATH_MAX];
  return watched_fd(fd, path) ? sync_watched(fd, path, REAL(fdatasync)) : REAL(fdatasync)(fd);
}

int syncfs(int fd) {
  char path[PATH_MAX];
  if (!watched_fd(fd, path)) return REAL(syncfs)(fd);
  pthread_mutex_lock(&lock);
  int result = fails(1) ? -1 : REAL(syncfs)(fd);
  if (result == 0) record('A', 0, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  return result;
}

int rename(const char *from, const char *to) {
  char paths[2 * PATH_MAX], target[PATH_MAX];
  if (!watched_path(from, paths) || !watched_path(to, target)) return REAL(rename)(from, to);
  pthread_mutex_lock(&lock);
  int result = fails(0) ? -1 : REAL(rename)(from, to);
  size_t length = strlen(paths);
  strcpy(paths + length + 1, target);
  if (result == 0) record('R', inode_of_path(target), 0, paths, length + 1 + strlen(target));
  pthread_mutex_unlock(&lock);
  return result;
}

static int remove_watched(const char *path, int (*real)(const char *)) {
  pthread_mutex_lock(&lock);
  unsigned long inode = inode_of_path(path);
  int result = fails(1) ? -1 : real(path);
  if (result == 0) record('U', inode, 0, path, strlen(path));
  pthread_mutex_unlock(&lock);
  return result;
}

int unlink(const char *given) {
  char path[PATH_MAX];
  return watched_path(given, path) ? remove_watched(path, REAL(unlink)) : REAL(unlink)(given);
}

int rmdir(const char *given) {
  char path[PATH_MAX];
  return watched_path(given, path) ? remove_watched(path, REAL(rmdir)) : REAL(rmdir)(given);
}

/* remove_dir_all goes through descriptors. */
int unlinkat(int directory, const char *name, int flags) {
  char path[PATH_MAX];
  if (!watched_fd(directory, path) || strlen(path) + strlen(name) + 2 > PATH_MAX) return REAL(unlinkat)(directory, name, flags);
  strcat(path, "/");
  strcat(path, name);
  return remove_watched(path, (flags & AT_REMOVEDIR) ? REAL(rmdir) : REAL(unlink));
}

int mkdir(const char *given, mode_t mode) {
  char path[PATH_MAX];
  if (!watched_path(given, path)) return REAL(mkdir)(given, mode);
  pthread_mutex_lock(&lock);
  /* One that exists, or that misses its parent, changes nothing. */
  int result = -1;
  if (inode_of_path(path) != 0) errno = EEXIST;
  else if (!fails(0)) result = REAL(mkdir)(given, mode);
  if (result == 0) record('M', inode_of_path(path), 0, path, strlen(path));
  pthread_mutex_unlock(&lock);
  return result;
}

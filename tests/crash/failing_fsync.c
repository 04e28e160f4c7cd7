/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that fails: once the file named by FAIL_WHEN exists, every fsync and fdatasync answers EIO. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int failing(void) {
  const char *path = getenv("FAIL_WHEN");
  return path != NULL && access(path, F_OK) == 0;
}

int fsync(int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  if (failing()) {
    errno = EIO;
    return -1;
  }
  return real(fd);
}

int fdatasync(int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  if (failing()) {
    errno = EIO;
    return -1;
  }
  return real(fd);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that takes its time: every fsync and fdatasync waits SYNC_MICROSECONDS longer than it did. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static void wait_for_the_disk(void) {
  const char *text = getenv("SYNC_MICROSECONDS");
  if (text != NULL) usleep((useconds_t)atoi(text));
}

int fsync(int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  wait_for_the_disk();
  return real(fd);
}

int fdatasync(int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  wait_for_the_disk();
  return real(fd);
}

/*
 * Cuts the power of a file system: `powercut <mountpoint>`. Nothing more reaches the device, not even what waits in the
 * file system's own log. ext4 and XFS know the call.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define SHUTDOWN _IOR('X', 125, uint32_t)
#define WITHOUT_FLUSHING_THE_LOG 2

int main(int count, char **words) {
  if (count != 2) {
    fprintf(stderr, "powercut <mountpoint>\n");
    return 2;
  }
  uint32_t how = WITHOUT_FLUSHING_THE_LOG;
  int directory = open(words[1], O_RDONLY | O_DIRECTORY);
  if (directory < 0 || ioctl(directory, SHUTDOWN, &how) != 0) {
    perror(words[1]);
    return 1;
  }
  return 0;
}

#include "free_port.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "sys/entropy.h"

enum { FIRST = 12000, LAST = 31999 };

static bool is_free(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(fd >= 0);
    bool is = bind(fd, (struct sockaddr *)&at, sizeof at) == 0; /* on every address */
    close(fd);
    return is;
}

int free_port(void)
{
    int port;
    do {
        port = FIRST + (int)(entropy_u64() % (LAST - FIRST + 1));
    } while (!is_free(port));
    return port;
}

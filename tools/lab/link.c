/* A WAN link: one TUN device in each of two network namespaces, and this program between them.
 *
 * Each direction has one queue: a packet leaves when the packets before it have left at the given rate, and arrives
 * a fixed delay later. A packet that finds the backlog full is dropped, as in a router; others are dropped at random.
 *
 *   link NAMESPACE DEVICE NAMESPACE DEVICE BITS_PER_SECOND DELAY_NS LOSS_PER_MILLION BACKLOG_BYTES SEED
 *
 * A rate of 0 means no limit. Prints "ready" once both devices are up. link.py does the same where there is no compiler.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define MAX_PACKET 65536
#define BURST 64 /* packets taken from one device before looking at the other */

typedef struct packet {
    struct packet *next;
    int64_t due; /* ns */
    int size;
    unsigned char data[];
} packet;

typedef struct {
    int in, out;
    packet *first, *last;
    int64_t line_free; /* ns; when the line has sent all that it accepted */
} direction;

static int64_t rate, delay_ns, loss, backlog;
static uint64_t seed;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static uint32_t random_million(void) { /* xorshift64* */
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (uint32_t)(((seed * 2685821657736338717ULL) >> 32) % 1000000);
}

static int open_device(const char *namespace, const char *name) {
    char path[256];
    struct ifreq request = {0};
    snprintf(path, sizeof path, "/run/netns/%s", namespace);
    int space = open(path, O_RDONLY);
    if (space < 0 || setns(space, CLONE_NEWNET)) fail(path);
    close(space);
    int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    if (device < 0) fail("/dev/net/tun");
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(device, TUNSETIFF, &request)) fail(name);
    return device;
}

static void take(direction *way, int64_t now) {
    static unsigned char buffer[MAX_PACKET];
    for (int i = 0; i < BURST; i++) {
        int size = read(way->in, buffer, sizeof buffer);
        if (size <= 0) return;
        if (loss && random_million() < loss) continue;
        int64_t start = way->line_free > now ? way->line_free : now;
        int64_t sending = rate ? size * 8 * 1000000000LL / rate : 0;
        if (rate && (start - now) / 1e9 * rate / 8 + size > backlog) continue;
        packet *p = malloc(sizeof *p + size);
        if (!p) continue;
        way->line_free = start + sending;
        *p = (packet){.due = way->line_free + delay_ns, .size = size};
        memcpy(p->data, buffer, size);
        if (way->last) way->last->next = p;
        else way->first = p;
        way->last = p;
    }
}

static void deliver(direction *way, int64_t now) {
    while (way->first && way->first->due <= now) {
        packet *p = way->first;
        if (write(way->out, p->data, p->size) < 0 && errno == EAGAIN) return;
        way->first = p->next;
        if (!way->first) way->last = NULL;
        free(p);
    }
}

int main(int argc, char **argv) {
    if (argc != 10) return fprintf(stderr, "see the head of link.c\n"), 2;
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* a link does not outlive its laboratory */
    prctl(PR_SET_TIMERSLACK, 1);
    int near = open_device(argv[1], argv[2]), far = open_device(argv[3], argv[4]);
    rate = atoll(argv[5]), delay_ns = atoll(argv[6]), loss = atoll(argv[7]), backlog = atoll(argv[8]);
    seed = strtoull(argv[9], NULL, 10) * 2 + 1;
    direction ways[2] = {{.in = near, .out = far}, {.in = far, .out = near}};
    struct pollfd polled[2] = {{near, POLLIN, 0}, {far, POLLIN, 0}};
    puts("ready");
    fflush(stdout);
    for (;;) {
        int64_t now = now_ns(), wait = 1000000000;
        for (int i = 0; i < 2; i++)
            if (ways[i].first && ways[i].first->due - now < wait) wait = ways[i].first->due - now;
        if (wait < 0) wait = 0;
        struct timespec timeout = {wait / 1000000000, wait % 1000000000};
        if (ppoll(polled, 2, &timeout, NULL) < 0 && errno != EINTR) fail("ppoll");
        for (int i = 0; i < 2; i++) {
            if (polled[i].revents & POLLIN) take(&ways[i], now_ns());
            deliver(&ways[i], now_ns());
        }
    }
}

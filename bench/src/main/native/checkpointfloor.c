// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
//
// The floor under the pause for a checkpoint: one process sends the pages and 20 KiB of devices once over loopback TCP
// and waits for one byte; another process takes them into its memory and answers. Nothing else happens.
//
// checkpointfloor [-p PAGES] [-n TIMES] [-i INTERVAL_MILLIS]
//
// Prints one line: n=N mean_us=T p50_us=T p99_us=T max_us=T

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, DEVICES = 20 << 10, BATCH = 448 };

static void fail(const char *what) {
    fprintf(stderr, "checkpointfloor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double micros(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static char *memory(size_t length) {
    char *m = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (m == MAP_FAILED) {
        fail("mmap");
    }
    return m;
}

static void take(int from, size_t length) {
    char *into = memory(length);
    for (;;) {
        size_t got = 0;
        while (got < length) {
            ssize_t n = read(from, into + got, length - got);
            if (n <= 0) {
                _exit(0);
            }
            got += n;
        }
        if (write(from, "k", 1) != 1) {
            _exit(0);
        }
    }
}

static void send_all(int to, char *ram, size_t pages, char *devices) {
    for (size_t at = 0; at < pages; at += BATCH) {
        struct iovec parts[BATCH];
        size_t count = pages - at < BATCH ? pages - at : BATCH;
        for (size_t i = 0; i < count; i++) {
            // Every second page: what is dirty seldom lies together.
            parts[i] = (struct iovec){ram + 2 * (at + i) * PAGE, PAGE};
        }
        size_t first = 0;
        while (first < count) {
            ssize_t n = writev(to, parts + first, count - first);
            if (n < 0) {
                fail("writev");
            }
            while (first < count && (size_t)n >= parts[first].iov_len) {
                n -= parts[first++].iov_len;
            }
            if (first < count) {
                parts[first].iov_base = (char *)parts[first].iov_base + n;
                parts[first].iov_len -= n;
            }
        }
    }
    for (size_t at = 0; at < DEVICES;) {
        ssize_t n = write(to, devices + at, DEVICES - at);
        if (n <= 0) {
            fail("write");
        }
        at += n;
    }
}

int main(int argc, char **argv) {
    size_t pages = 2000, times = 200, interval = 0;
    int option;
    while ((option = getopt(argc, argv, "p:n:i:")) != -1) {
        size_t value = strtoul(optarg ? optarg : "0", NULL, 10);
        if (option == 'p') {
            pages = value;
        } else if (option == 'n') {
            times = value;
        } else if (option == 'i') {
            interval = value;
        } else {
            return 2;
        }
    }
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1) ||
        getsockname(listener, (struct sockaddr *)&address, &length)) {
        fail("listen");
    }
    pid_t child = fork();
    if (child < 0) {
        fail("fork");
    }
    if (child == 0) {
        int from = accept(listener, NULL, NULL);
        take(from, pages * PAGE + DEVICES);
    }
    int to = socket(AF_INET, SOCK_STREAM, 0);
    if (to < 0 || connect(to, (struct sockaddr *)&address, sizeof address)) {
        fail("connect");
    }
    setsockopt(to, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    char *ram = memory(2 * pages * PAGE), *devices = memory(DEVICES);
    double *took = calloc(times, sizeof *took), sum = 0;
    for (size_t i = 0; i < times; i++) {
        for (size_t page = 0; page < pages; page++) {
            ram[2 * page * PAGE + i % PAGE] = (char)(i + 1);
        }
        if (interval > 0) {
            usleep(interval * 1000);
        }
        double begin = micros();
        send_all(to, ram, pages, devices);
        char answer;
        if (read(to, &answer, 1) != 1) {
            fail("read");
        }
        took[i] = micros() - begin;
        sum += took[i];
    }
    qsort(took, times, sizeof *took, compare);
    printf("n=%zu mean_us=%.1f p50_us=%.1f p99_us=%.1f max_us=%.1f\n", times, sum / times, took[times / 2],
           took[times * 99 / 100], took[times - 1]);
    return 0;
}

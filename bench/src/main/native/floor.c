// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
//
// The floor under a migration: how fast two processes can move memory over loopback TCP on this machine when they do
// nothing else. The sender's memory is filled with random bytes beforehand; the receiver's is mapped anew for each run,
// so that it pays for the first touch of each page as an incoming guest does. As many bytes go over the wire as in a
// migration's first pass: an eight-byte header for each page of 4 KiB.
//
//   floor [-b MEBIBYTES] [-c CONNECTIONS] [-r RUNS] [-h] [-f] [-w] [-k]
//     -b  memory to move (1024)
//     -c  TCP connections, each with a thread on both sides and its own share of the memory (1)
//     -r  runs in a row, each with a fresh mapping (5); with 0 and -w, it only touches memory
//     -h  the receiver asks for huge pages (MADV_HUGEPAGE); without it, it refuses them (MADV_NOHUGEPAGE)
//     -f  headers and pages alternate on the wire and are gathered and scattered; without it, the headers' bytes go
//         last
//     -w  before each run, touches as much memory again and frees it: where this machine is itself a guest whose host
//         takes its free memory away, the first touch of a page else measures the host
//     -k  only touches memory and frees it, and keeps it from being taken away until standard input ends: of every 256
//         KiB a page stays taken, and free memory is given back in whole blocks of 2 MiB. Else giving it back, too,
//         measures the host: for each block all processors may stand still for some 30 ms. Says "warm" when it is done
//
// Prints a line for each run: bytes=N seconds=S bytes_per_second=R sender_cpu_seconds=S receiver_cpu_seconds=S

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    PAGE_BYTES = 4096,
    HEADER_BYTES = 8,
    CHUNK_BYTES = 1 << 20,
    BATCH_PAGES = 256,
    MAXIMUM_CONNECTIONS = 64,
};

struct options {
    size_t bytes;
    int connections, runs, huge, framed, warm, keep;
};

struct channel {
    pthread_t thread;
    int socket;
    char *memory;
    size_t bytes;
    int framed;
};

static void fail(const char *what) {
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double cpu_seconds(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

static void *map(size_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        fail("mmap");
    }
    return memory;
}

static void write_all(int socket, const char *from, size_t bytes) {
    while (bytes > 0) {
        ssize_t done = write(socket, from, bytes < CHUNK_BYTES ? bytes : CHUNK_BYTES);
        if (done <= 0) {
            fail("write");
        }
        from += done;
        bytes -= (size_t)done;
    }
}

static void read_all(int socket, char *to, size_t bytes) {
    while (bytes > 0) {
        ssize_t done = read(socket, to, bytes < CHUNK_BYTES ? bytes : CHUNK_BYTES);
        if (done <= 0) {
            fail("read");
        }
        to += done;
        bytes -= (size_t)done;
    }
}

// Moves headers and pages in turn with one of writev and readv.
static void vector_all(int socket, char *memory, size_t bytes, ssize_t (*move)(int, const struct iovec *, int)) {
    static _Thread_local uint64_t headers[BATCH_PAGES];
    struct iovec parts[2 * BATCH_PAGES];
    size_t pages = bytes / PAGE_BYTES;
    while (pages > 0) {
        int batch = pages < BATCH_PAGES ? (int)pages : BATCH_PAGES;
        for (int i = 0; i < batch; i++) {
            parts[2 * i] = (struct iovec){&headers[i], HEADER_BYTES};
            parts[2 * i + 1] = (struct iovec){memory + (size_t)i * PAGE_BYTES, PAGE_BYTES};
        }
        struct iovec *next = parts;
        int left = 2 * batch;
        while (left > 0) {
            ssize_t done = move(socket, next, left);
            if (done <= 0) {
                fail("writev or readv");
            }
            while (left > 0 && (size_t)done >= next->iov_len) {
                done -= (ssize_t)next->iov_len;
                next++;
                left--;
            }
            if (left > 0) {
                next->iov_base = (char *)next->iov_base + done;
                next->iov_len -= (size_t)done;
            }
        }
        memory += (size_t)batch * PAGE_BYTES;
        pages -= (size_t)batch;
    }
}

static void *send_channel(void *argument) {
    struct channel *c = argument;
    char answer;
    if (c->framed) {
        vector_all(c->socket, c->memory, c->bytes, writev);
    } else {
        write_all(c->socket, c->memory, c->bytes);
        // The headers' bytes: any will do, and these are warm.
        write_all(c->socket, c->memory, c->bytes / PAGE_BYTES * HEADER_BYTES);
    }
    read_all(c->socket, &answer, 1);
    return NULL;
}

static void *receive_channel(void *argument) {
    struct channel *c = argument;
    if (c->framed) {
        vector_all(c->socket, c->memory, c->bytes, readv);
    } else {
        static _Thread_local char headers[1 << 16];
        read_all(c->socket, c->memory, c->bytes);
        for (size_t left = c->bytes / PAGE_BYTES * HEADER_BYTES; left > 0;) {
            size_t part = left < sizeof(headers) ? left : sizeof(headers);
            read_all(c->socket, headers, part);
            left -= part;
        }
    }
    write_all(c->socket, "k", 1);
    return NULL;
}

static void run_channels(struct channel *channels, const struct options *o, char *memory, void *(*body)(void *)) {
    size_t share = o->bytes / (size_t)o->connections / PAGE_BYTES * PAGE_BYTES;
    for (int i = 0; i < o->connections; i++) {
        size_t at = share * (size_t)i;
        channels[i].memory = memory + at;
        channels[i].bytes = i == o->connections - 1 ? o->bytes - at : share;
        channels[i].framed = o->framed;
        if (pthread_create(&channels[i].thread, NULL, body, &channels[i]) != 0) {
            fail("pthread_create");
        }
    }
    for (int i = 0; i < o->connections; i++) {
        pthread_join(channels[i].thread, NULL);
    }
}

// One run of the receiving process; the CPU time it took goes to `report`.
static void receive(const struct options *o, int listener, int report) {
    struct channel channels[MAXIMUM_CONNECTIONS];
    char *memory = map(o->bytes);
    madvise(memory, o->bytes, o->huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    for (int i = 0; i < o->connections; i++) {
        channels[i].socket = accept(listener, NULL, NULL);
        if (channels[i].socket < 0) {
            fail("accept");
        }
    }
    double before = cpu_seconds();
    run_channels(channels, o, memory, receive_channel);
    double used = cpu_seconds() - before;
    if (write(report, &used, sizeof(used)) != sizeof(used)) {
        fail("report");
    }
    exit(0);
}

static void transfer(const struct options *o, char *memory) {
    struct channel channels[MAXIMUM_CONNECTIONS];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int report[2], one = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) || listen(listener, MAXIMUM_CONNECTIONS) ||
        getsockname(listener, (struct sockaddr *)&address, &length) || pipe(report)) {
        fail("listen");
    }
    pid_t receiver = fork();
    if (receiver < 0) {
        fail("fork");
    }
    if (receiver == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        munmap(memory, o->bytes);
        receive(o, listener, report[1]);
    }
    for (int i = 0; i < o->connections; i++) {
        channels[i].socket = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(channels[i].socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (connect(channels[i].socket, (struct sockaddr *)&address, length)) {
            fail("connect");
        }
    }
    double cpu_before = cpu_seconds();
    double before = seconds();
    run_channels(channels, o, memory, send_channel);
    double took = seconds() - before;
    double sender_cpu = cpu_seconds() - cpu_before;
    double receiver_cpu = 0;
    int status = 0;
    if (read(report[0], &receiver_cpu, sizeof(receiver_cpu)) != sizeof(receiver_cpu) ||
        waitpid(receiver, &status, 0) != receiver || status != 0) {
        fail("the receiver");
    }
    size_t wire = o->bytes + o->bytes / PAGE_BYTES * HEADER_BYTES;
    printf("bytes=%zu seconds=%.6f bytes_per_second=%.0f sender_cpu_seconds=%.3f receiver_cpu_seconds=%.3f\n",
           wire, took, (double)wire / took, sender_cpu, receiver_cpu);
    fflush(stdout);
    for (int i = 0; i < o->connections; i++) {
        close(channels[i].socket);
    }
    close(listener);
    close(report[0]);
    close(report[1]);
}

static void fill_random(char *memory, size_t bytes) {
    uint64_t word = 0x9e3779b97f4a7c15;
    for (uint64_t *at = (uint64_t *)memory; at < (uint64_t *)(memory + bytes); at++) {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        *at = word;
    }
}

// A little more, for what else is taken meanwhile.
static void touch(size_t bytes) {
    bytes += bytes / 8;
    char *memory = map(bytes);
    madvise(memory, bytes, MADV_HUGEPAGE);
    for (size_t at = 0; at < bytes; at += PAGE_BYTES) {
        memory[at] = 1;
    }
    munmap(memory, bytes);
}

static void keep(size_t bytes) {
    enum { KEPT_OF = 256 << 10 };
    char *memory = map(bytes);
    madvise(memory, bytes, MADV_NOHUGEPAGE);
    for (size_t at = 0; at < bytes; at += PAGE_BYTES) {
        memory[at] = 1;
    }
    for (size_t at = 0; at < bytes; at += KEPT_OF) {
        madvise(memory + at + PAGE_BYTES, KEPT_OF - PAGE_BYTES, MADV_DONTNEED);
    }
    puts("warm");
    fflush(stdout);
    while (getchar() != EOF) {
    }
}

int main(int count, char **arguments) {
    struct options o = {.bytes = (size_t)1 << 30, .connections = 1, .runs = 5};
    for (int option; (option = getopt(count, arguments, "b:c:r:hfwk")) != -1;) {
        switch (option) {
        case 'b': o.bytes = (size_t)atol(optarg) << 20; break;
        case 'c': o.connections = atoi(optarg); break;
        case 'r': o.runs = atoi(optarg); break;
        case 'h': o.huge = 1; break;
        case 'f': o.framed = 1; break;
        case 'w': o.warm = 1; break;
        case 'k': o.keep = 1; break;
        default: return 2;
        }
    }
    if (o.bytes == 0 || o.connections < 1 || o.connections > MAXIMUM_CONNECTIONS || o.runs < 0) {
        fprintf(stderr, "floor: -b must be at least 1, -r 0, -c between 1 and %d\n", MAXIMUM_CONNECTIONS);
        return 2;
    }
    if (o.keep) {
        keep(o.bytes);
        return 0;
    }
    if (o.runs == 0) {
        touch(o.bytes);
        return 0;
    }
    char *memory = map(o.bytes);
    fill_random(memory, o.bytes);
    for (int run = 0; run < o.runs; run++) {
        if (o.warm) {
            touch(o.bytes);
        }
        transfer(&o, memory);
    }
    return 0;
}

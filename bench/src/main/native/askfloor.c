// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
//
// The floor under a question to a host that is sending: what the kernel's scheduling alone makes of it. One process
// answers a byte with a kilobyte over a unix socket, on a thread that asks for short slices, as a control session does.
// Another one asks every millisecond, without a migration and while the first one sends 1 GiB over loopback TCP to a
// third, which takes it into fresh memory. Neither does anything else: no JSON, no statistics, no collector.
//
// askfloor [-n ASKS] [-b MEBIBYTES] [-t TRANSFERS]
//
// Prints one line: quiet_n=N quiet_p50_us=T quiet_p99_us=T quiet_max_us=T, and the same for bulk_, then
// bytes_per_second=R.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    ANSWER_BYTES = 1024,
    CHUNK_BYTES = 1 << 20,
    MAXIMUM_ASKS = 1 << 20,
    SHORT_SLICE_NANOS = 100000,
    ASK_NANOS = 1000000,
};

struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

struct times {
    double *micros;
    size_t count;
};

static void fail(const char *what) {
    fprintf(stderr, "askfloor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void answer_at_once(void) {
    struct attributes wanted = {.size = sizeof wanted, .runtime = SHORT_SLICE_NANOS};
    if (syscall(SYS_sched_setattr, 0, &wanted, 0) != 0) {
        fail("sched_setattr");
    }
}

static char *map(size_t bytes) {
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        fail("mmap");
    }
    return memory;
}

// Answers until the other side closes.
static void *serve(void *argument) {
    int socket = *(int *)argument;
    char question, answer[ANSWER_BYTES] = {0};
    answer_at_once();
    while (read(socket, &question, 1) == 1) {
        if (write(socket, answer, sizeof answer) != sizeof answer) {
            fail("answer");
        }
    }
    return NULL;
}

static int listen_on_loopback(struct sockaddr_in *address) {
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t length = sizeof *address;
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || bind(listener, (struct sockaddr *)address, length) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)address, &length) != 0) {
        fail("listen");
    }
    return listener;
}

// The destination: takes each transfer into memory that it has not touched before.
static void receive(int listener, size_t bytes, int transfers) {
    for (int i = 0; i < transfers; i++) {
        int from = accept(listener, NULL, NULL);
        if (from < 0) {
            fail("accept");
        }
        char *memory = map(bytes);
        size_t taken = 0;
        while (taken < bytes) {
            ssize_t n = read(from, memory + taken, bytes - taken < CHUNK_BYTES ? bytes - taken : CHUNK_BYTES);
            if (n <= 0) {
                fail("read");
            }
            taken += (size_t)n;
        }
        if (write(from, "", 1) != 1) {
            fail("last word");
        }
        close(from);
        munmap(memory, bytes);
    }
}

// The source: a thread that answers, and this one, which sends when it is told to and says when it has sent.
static void send_when_told(int asks, int control, const struct sockaddr_in *address, size_t bytes) {
    pthread_t thread;
    char *memory = map(bytes), word;
    for (size_t i = 0; i < bytes; i += sizeof(uint64_t)) {
        *(uint64_t *)(memory + i) = i * 0x9e3779b97f4a7c15u;
    }
    if (pthread_create(&thread, NULL, serve, &asks) != 0 || write(control, "", 1) != 1) {
        fail("source");
    }
    while (read(control, &word, 1) == 1) {
        int to = socket(AF_INET, SOCK_STREAM, 0);
        if (to < 0 || connect(to, (const struct sockaddr *)address, sizeof *address) != 0) {
            fail("connect");
        }
        for (size_t sent = 0; sent < bytes;) {
            ssize_t n = write(to, memory + sent, bytes - sent < CHUNK_BYTES ? bytes - sent : CHUNK_BYTES);
            if (n <= 0) {
                fail("write");
            }
            sent += (size_t)n;
        }
        if (read(to, &word, 1) != 1 || write(control, "", 1) != 1) {
            fail("end of a transfer");
        }
        close(to);
    }
}

static void ask(int socket, struct times *into) {
    const struct timespec pause = {.tv_nsec = ASK_NANOS};
    char answer[ANSWER_BYTES];
    nanosleep(&pause, NULL);
    double begin = seconds();
    if (write(socket, "", 1) != 1) {
        fail("question");
    }
    for (size_t taken = 0; taken < sizeof answer;) {
        ssize_t n = read(socket, answer, sizeof answer - taken);
        if (n <= 0) {
            fail("no answer");
        }
        taken += (size_t)n;
    }
    if (into->count < MAXIMUM_ASKS) {
        into->micros[into->count++] = (seconds() - begin) * 1e6;
    }
}

static int by_size(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return (difference > 0) - (difference < 0);
}

static void print(const char *name, struct times *times) {
    qsort(times->micros, times->count, sizeof *times->micros, by_size);
    size_t last = times->count == 0 ? 0 : times->count - 1;
    printf("%s_n=%zu %s_p50_us=%.1f %s_p99_us=%.1f %s_max_us=%.1f ", name, times->count, name,
           times->micros[times->count / 2], name, times->micros[times->count * 99 / 100], name, times->micros[last]);
}

int main(int argc, char **argv) {
    size_t asks = 2000, bytes = (size_t)1 << 30;
    int transfers = 2, option;
    while ((option = getopt(argc, argv, "n:b:t:")) != -1) {
        switch (option) {
        case 'n': asks = (size_t)atol(optarg); break;
        case 'b': bytes = (size_t)atol(optarg) << 20; break;
        case 't': transfers = atoi(optarg); break;
        default: fprintf(stderr, "usage: askfloor [-n ASKS] [-b MEBIBYTES] [-t TRANSFERS]\n"); return 2;
        }
    }
    if (asks < 100 || asks > MAXIMUM_ASKS || bytes < CHUNK_BYTES || transfers < 1) {
        fprintf(stderr, "askfloor: 100 to %d asks, 1 MiB at least, 1 transfer at least\n", MAXIMUM_ASKS);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    struct sockaddr_in address;
    int listener = listen_on_loopback(&address), questions[2], control[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, questions) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, control) != 0) {
        fail("socketpair");
    }
    pid_t receiver = fork();
    if (receiver == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        receive(listener, bytes, transfers);
        _exit(0);
    }
    pid_t sender = fork();
    if (sender == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(questions[0]);
        close(control[0]);
        send_when_told(questions[1], control[1], &address, bytes);
        _exit(0);
    }
    if (receiver < 0 || sender < 0) {
        fail("fork");
    }
    close(questions[1]);
    close(control[1]);
    struct times warming = {calloc(MAXIMUM_ASKS, sizeof(double)), 0};
    struct times quiet = {calloc(MAXIMUM_ASKS, sizeof(double)), 0};
    struct times bulk = {calloc(MAXIMUM_ASKS, sizeof(double)), 0};
    char word;
    if (read(control[0], &word, 1) != 1) {
        fail("the source is gone");
    }
    answer_at_once();
    for (size_t i = 0; i < asks; i++) {
        ask(questions[0], i < asks / 2 ? &warming : &quiet);
    }
    double spent = 0;
    for (int i = 0; i < transfers; i++) {
        double begin = seconds();
        if (write(control[0], "", 1) != 1) {
            fail("the source is gone");
        }
        while (recv(control[0], &word, 1, MSG_DONTWAIT) != 1) {
            ask(questions[0], &bulk);
        }
        spent += seconds() - begin;
    }
    close(control[0]);
    close(questions[0]);
    waitpid(receiver, NULL, 0);
    waitpid(sender, NULL, 0);
    print("quiet", &quiet);
    print("bulk", &bulk);
    printf("bytes_per_second=%.0f\n", (double)bytes * transfers / spent);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
//
// The floor under a flush of a secondary's cache, and under its first fill: memory that is copied by threads which do
// nothing else. The runs of pages to copy come from whoever asks, so that both copy the same. Threads sleep between two
// copies, as those of a cache do, and are woken for each.
//
//   copyfloor [-b MEBIBYTES] [-t THREADS]
//     -b  length of each of the two memories (4096)
//     -t  threads, with the one that asks (2)
//
// Says "ready" when both memories are there, and then answers commands on standard input:
//   flush THREADS RUNS   RUNS pairs of 32-bit numbers follow, first page and count: copied from the second memory to
//                        the first
//   fill THREADS         what is not zero of the first memory is copied to a third one, which is fresh
// with a line: nanos=N pages=N

#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    PAGE_BYTES = 4096,
    PIECE_PAGES = 128,
    FILL_PAGES = 4096,
    MAXIMUM_THREADS = 64,
};

struct run {
    uint32_t first, count;
};

// One round of work: who has done a piece takes the next. Threads that wake too late find none.
static struct {
    atomic_uint round, left;
    atomic_size_t cursor;
    struct run *runs;
    size_t count;
    char *from, *to;
    size_t pages;
    int fill;
} work;

static atomic_size_t copied;

static void fail(const char *what) {
    fprintf(stderr, "copyfloor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t nanos(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static char *map(size_t bytes) {
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        fail("mmap");
    }
    madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

static char *filled(size_t bytes, uint64_t seed) {
    char *memory = map(bytes);
    for (size_t i = 0; i < bytes; i += PAGE_BYTES) {
        *(uint64_t *)(memory + i) = seed + i;
    }
    return memory;
}

// Runs are copied from the cursor on, so many at a time that some PIECE_PAGES pages are taken.
static void copy_runs(void) {
    size_t done = 0;
    for (;;) {
        size_t at = atomic_fetch_add(&work.cursor, 1);
        if (at >= work.count) {
            break;
        }
        struct run piece = work.runs[at];
        for (uint32_t i = piece.first; i < piece.first + piece.count; i++) {
            struct run one = work.runs[work.count + i];
            size_t offset = (size_t)one.first * PAGE_BYTES;
            memcpy(work.to + offset, work.from + offset, (size_t)one.count * PAGE_BYTES);
            done += one.count;
        }
    }
    atomic_fetch_add(&copied, done);
}

static int is_zero(const char *page) {
    const uint64_t *words = (const uint64_t *)page;
    return words[0] == 0 && memcmp(page, page + 8, PAGE_BYTES - 8) == 0;
}

static void fill_pages(void) {
    size_t done = 0;
    for (;;) {
        size_t first = atomic_fetch_add(&work.cursor, 1) * FILL_PAGES;
        if (first >= work.pages) {
            break;
        }
        size_t end = first + FILL_PAGES < work.pages ? first + FILL_PAGES : work.pages;
        for (size_t page = first; page < end; page++) {
            if (!is_zero(work.from + page * PAGE_BYTES)) {
                memcpy(work.to + page * PAGE_BYTES, work.from + page * PAGE_BYTES, PAGE_BYTES);
                done++;
            }
        }
    }
    atomic_fetch_add(&copied, done);
}

static void take_part(void) {
    if (work.fill) {
        fill_pages();
    } else {
        copy_runs();
    }
}

struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

// Short slices, as the threads of a cache ask for: else a thread that wakes may wait for the next tick.
static void answer_at_once(void) {
    struct attributes wanted = {.size = sizeof wanted, .nice = getpriority(PRIO_PROCESS, 0), .runtime = 100000};
    if (sched_getscheduler(0) == SCHED_OTHER) {
        syscall(SYS_sched_setattr, 0, &wanted, 0);
    }
}

static void *help(void *number) {
    answer_at_once();
    unsigned mine = (unsigned)(uintptr_t)number, seen = 0;
    for (;;) {
        syscall(SYS_futex, &work.round, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
        unsigned now = atomic_load(&work.round);
        if (now != seen) {
            seen = now;
            // The low bits say how many are wanted.
            if (mine < (now & 0xff)) {
                take_part();
                atomic_fetch_sub(&work.left, 1);
            }
        }
    }
    return NULL;
}

static void answer(unsigned threads) {
    static unsigned rounds;
    int64_t begin = nanos();
    atomic_store(&copied, 0);
    atomic_store(&work.cursor, 0);
    atomic_store(&work.left, threads - 1);
    if (threads > 1) {
        atomic_store(&work.round, ++rounds << 8 | threads);
        syscall(SYS_futex, &work.round, FUTEX_WAKE_PRIVATE, MAXIMUM_THREADS, NULL, NULL, 0);
    }
    take_part();
    while (atomic_load(&work.left) > 0) {
        __builtin_ia32_pause();
    }
    printf("nanos=%lld pages=%zu\n", (long long)(nanos() - begin), atomic_load(&copied));
    fflush(stdout);
}

// Reads the runs and cuts them into pieces: a piece is a run of runs, which stand behind the pieces.
static void read_runs(size_t count) {
    struct run *runs = malloc(count * sizeof *runs);
    work.runs = realloc(work.runs, 2 * (count + 1) * sizeof *runs);
    if (runs == NULL || work.runs == NULL || fread(runs, sizeof *runs, count, stdin) != count) {
        fail("runs");
    }
    size_t pieces = 0, pages = 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || pages >= PIECE_PAGES) {
            work.runs[pieces++] = (struct run){(uint32_t)i, 0};
            pages = 0;
        }
        work.runs[pieces - 1].count++;
        pages += runs[i].count;
    }
    memcpy(work.runs + pieces, runs, count * sizeof *runs);
    work.count = pieces;
    free(runs);
}

int main(int argc, char **argv) {
    size_t bytes = (size_t)4096 << 20, runs;
    unsigned most = 2, threads;
    int option;
    while ((option = getopt(argc, argv, "b:t:")) != -1) {
        switch (option) {
        case 'b': bytes = (size_t)atol(optarg) << 20; break;
        case 't': most = (unsigned)atoi(optarg); break;
        default: fprintf(stderr, "usage: copyfloor [-b MEBIBYTES] [-t THREADS]\n"); return 2;
        }
    }
    if (bytes < (size_t)64 << 20 || most < 1 || most > MAXIMUM_THREADS) {
        fprintf(stderr, "copyfloor: 64 MiB at least, 1 to %d threads\n", MAXIMUM_THREADS);
        return 2;
    }
    char *first = filled(bytes, 1), *second = NULL;
    for (unsigned i = 1; i < most; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, help, (void *)(uintptr_t)i) != 0) {
            fail("pthread_create");
        }
    }
    puts("ready");
    fflush(stdout);
    char command[64];
    while (fgets(command, sizeof command, stdin) != NULL) {
        work.pages = bytes / PAGE_BYTES;
        if (sscanf(command, "flush %u %zu", &threads, &runs) == 2 && threads >= 1 && threads <= most) {
            second = second == NULL ? filled(bytes, 2) : second;
            read_runs(runs);
            work.from = second;
            work.to = first;
            work.fill = 0;
            answer(threads);
        } else if (sscanf(command, "fill %u", &threads) == 1 && threads >= 1 && threads <= most) {
            work.from = first;
            work.to = map(bytes);
            work.fill = 1;
            answer(threads);
            munmap(work.to, bytes);
        } else {
            fprintf(stderr, "copyfloor: what is %s", command);
            return 2;
        }
    }
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
//
// The floor under postcopy: what a fault costs on this machine when two processes do nothing else. The destination's
// memory is missing (userfaultfd); somebody touches its pages in an order without locality; a handler reads the event,
// asks the source over loopback TCP, reads a header and 4 KiB, and places them by UFFDIO_COPY. What counts is the time
// from the touch to the toucher going on, taken by the toucher itself.
//
//   faultfloor [-n FAULTS] [-v] [-p] [-k KIBIBYTES] [-L HOW] [-P HOW] [-T HOW]
//     -n  faults to take (100000)
//     -v  the toucher is a KVM vCPU in ring 3 of long mode, and takes the time by its time stamp counter; else a thread
//     -p  a second connection pushes other pages at full speed meanwhile, and a second thread reads and places them
//     -k  how much the push moves with one system call, on both sides (1024)
//     -L  how the kernel is to schedule the threads that a fault waits for: the handler and the one that answers
//     -P  how it is to schedule the threads that push; -T: the toucher HOW is fifo, rr, batch, idle, nice:N,
//         slice:MICROSECONDS (the time that the fair scheduler gives at a time; Linux 6.12)
//
// Prints one line: faults=N seconds=S, then microseconds for touch to continue (p50_us p99_us p999_us max_us), for
// event read to page placed as the handler sees it (handled_p50_us ...), over_5ms=N, push_bytes_per_second=R,
// nanos_a_cycle=R (with -v).

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

enum {
    PAGE_BYTES = 4096,
    HEADER_BYTES = 8,
    MAXIMUM_FAULTS = 1 << 22,
    PUSHED_BYTES = 256 << 20,
    BOOT_BYTES = 2 << 20,
    PAGE_MAP = 0x2000,
    DIRECTORY_POINTERS = 0x3000,
    DIRECTORIES = 0x4000,
    CODE = 0x1000,
    MAXIMUM_GIBIBYTES = 32,
};

static struct {
    size_t faults, pages, chunk;
    int vcpu, push;
    const char *latency, *pushers, *toucher;
} options = {.faults = 100000, .chunk = 1 << 20};

// struct sched_attr of linux/sched/types.h, which older headers of the C library do not go together with.
struct schedule {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t least, most;
};

struct request {
    uint64_t offset;
    uint32_t bytes, reserved;
};

static int fault_descriptor, request_socket, push_socket;
static char *memory, *pushed;
static uint32_t *handled_nanos, *touched_nanos;
static double nanos_a_cycle;
static volatile uint64_t pushed_bytes;

static void fail(const char *what) {
    fprintf(stderr, "faultfloor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t nanos(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

// Asks the kernel to schedule the calling thread like this. What it refuses is an error: a figure must say what it
// measured.
static void schedule(const char *how) {
    struct schedule wanted = {.size = sizeof(wanted)};
    if (how == NULL) {
        return;
    }
    if (strncmp(how, "nice:", 5) == 0) {
        if (setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), atoi(how + 5)) != 0) {
            fail("setpriority");
        }
        return;
    }
    if (strcmp(how, "fifo") == 0 || strcmp(how, "rr") == 0) {
        wanted.policy = how[0] == 'f' ? SCHED_FIFO : SCHED_RR;
        wanted.priority = 1;
    } else if (strcmp(how, "batch") == 0) {
        wanted.policy = SCHED_BATCH;
    } else if (strcmp(how, "idle") == 0) {
        wanted.policy = SCHED_IDLE;
    } else if (strncmp(how, "slice:", 6) == 0) {
        wanted.policy = SCHED_OTHER;
        wanted.runtime = (uint64_t)atol(how + 6) * 1000;
    } else {
        errno = EINVAL;
        fail(how);
    }
    if (syscall(SYS_sched_setattr, 0, &wanted, 0) != 0) {
        fail("sched_setattr");
    }
}

static char *map(size_t bytes) {
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
        fail("mmap");
    }
    return at;
}

static void read_all(int from, void *to, size_t bytes) {
    for (char *at = to; bytes > 0;) {
        ssize_t done = read(from, at, bytes);
        if (done <= 0) {
            fail("read");
        }
        at += done;
        bytes -= (size_t)done;
    }
}

// ---- the source: a process of its own

static void *answer(void *unused) {
    struct request request;
    schedule(options.latency);
    while (read(request_socket, &request, sizeof(request)) == sizeof(request)) {
        uint64_t header = request.offset;
        struct iovec parts[2] = {{&header, HEADER_BYTES}, {memory + request.offset, request.bytes}};
        if (writev(request_socket, parts, 2) != (ssize_t)(HEADER_BYTES + request.bytes)) {
            break;
        }
    }
    (void)unused;
    _exit(0);
}

static void *push(void *unused) {
    schedule(options.pushers);
    for (size_t at = 0;;) {
        ssize_t done = write(push_socket, pushed + at, options.chunk);
        if (done <= 0) {
            break;
        }
        at = at + 2 * options.chunk > PUSHED_BYTES ? 0 : at + options.chunk;
    }
    return unused;
}

static void fill_random(char *at, size_t bytes) {
    uint64_t word = 0x9e3779b97f4a7c15;
    for (uint64_t *to = (uint64_t *)at; to < (uint64_t *)(at + bytes); to++) {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        *to = word;
    }
}

static int accept_one(int listener) {
    int one = 1, accepted = accept(listener, NULL, NULL);
    if (accepted < 0 || setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0) {
        fail("accept");
    }
    return accepted;
}

static void run_source(int listener) {
    pthread_t pusher;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    memory = map(options.pages * PAGE_BYTES);
    fill_random(memory, options.pages * PAGE_BYTES);
    if (options.push) {
        pushed = map(PUSHED_BYTES);
        fill_random(pushed, PUSHED_BYTES);
    }
    request_socket = accept_one(listener);
    if (write(request_socket, "r", 1) != 1) {
        fail("readiness");
    }
    if (options.push) {
        push_socket = accept_one(listener);
        pthread_create(&pusher, NULL, push, NULL);
    }
    answer(NULL);
}

// ---- the destination

static void place(char *to, const char *from, size_t bytes) {
    struct uffdio_copy copy = {.dst = (uint64_t)to, .src = (uint64_t)from, .len = bytes};
    while (ioctl(fault_descriptor, UFFDIO_COPY, &copy) != 0) {
        if (errno != EAGAIN || copy.copy < 0) {
            fail("UFFDIO_COPY");
        }
        copy.dst += (uint64_t)copy.copy;
        copy.src += (uint64_t)copy.copy;
        copy.len -= (uint64_t)copy.copy;
        copy.copy = 0;
    }
}

static void *handle_faults(void *unused) {
    static _Alignas(PAGE_BYTES) char answer[PAGE_BYTES];
    schedule(options.latency);
    for (size_t i = 0; i < options.faults; i++) {
        struct uffd_msg event;
        if (read(fault_descriptor, &event, sizeof(event)) != sizeof(event) || event.event != UFFD_EVENT_PAGEFAULT) {
            fail("no page fault");
        }
        uint64_t begin = nanos();
        uint64_t header, offset = (event.arg.pagefault.address & -(uint64_t)PAGE_BYTES) - (uint64_t)memory;
        struct request request = {.offset = offset, .bytes = PAGE_BYTES};
        struct iovec parts[2] = {{&header, HEADER_BYTES}, {answer, PAGE_BYTES}};
        if (write(request_socket, &request, sizeof(request)) != sizeof(request)) {
            fail("request");
        }
        ssize_t got = readv(request_socket, parts, 2);
        if (got < HEADER_BYTES) {
            fail("answer");
        }
        read_all(request_socket, answer + got - HEADER_BYTES, HEADER_BYTES + PAGE_BYTES - (size_t)got);
        place(memory + header, answer, PAGE_BYTES);
        handled_nanos[i] = (uint32_t)(nanos() - begin);
    }
    return unused;
}

static void *place_pushed(void *unused) {
    char *buffer = map(options.chunk);
    schedule(options.pushers);
    for (size_t at = 0;;) {
        read_all(push_socket, buffer, options.chunk);
        madvise(pushed + at, options.chunk, MADV_DONTNEED);
        place(pushed + at, buffer, options.chunk);
        pushed_bytes += options.chunk;
        at = at + 2 * options.chunk > PUSHED_BYTES ? 0 : at + options.chunk;
    }
    return unused;
}

static void open_faults(void) {
    struct uffdio_api api = {.api = UFFD_API};
    fault_descriptor = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    if (fault_descriptor < 0) {
        fault_descriptor = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
    }
    if (fault_descriptor < 0 || ioctl(fault_descriptor, UFFDIO_API, &api) != 0) {
        fail("userfaultfd");
    }
}

static char *map_missing(size_t bytes) {
    char *at = map(bytes);
    struct uffdio_register range = {.range = {(uint64_t)at, bytes}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    madvise(at, bytes, MADV_NOHUGEPAGE);
    if (ioctl(fault_descriptor, UFFDIO_REGISTER, &range) != 0) {
        fail("UFFDIO_REGISTER");
    }
    return at;
}

// A step that visits every page once, far from the one before: near the golden section, odd; the number of pages is a
// power of two.
static size_t step(void) { return (size_t)((double)options.pages * 0.6180339887) | 1; }

static void *touch(void *unused) {
    size_t stride = step(), page = 0;
    schedule(options.toucher);
    for (size_t i = 0; i < options.faults; i++, page = (page + stride) & (options.pages - 1)) {
        uint64_t begin = nanos();
        *(volatile uint32_t *)(memory + page * PAGE_BYTES) = 1;
        touched_nanos[i] = (uint32_t)(nanos() - begin);
    }
    return unused;
}

// ---- the toucher as a vCPU: the same loop. rsi memory, rdi results (32-bit cycles), rbx page, r8 step, r9 mask, rcx
// faults

extern const char guest_code[], guest_code_end[];
__asm__(".pushsection .rodata\n"
        "guest_code:\n"
        "1: mov %rbx, %r10\n"
        "   shl $12, %r10\n"
        "   add %rsi, %r10\n"
        "   rdtsc\n"
        "   shl $32, %rdx\n"
        "   or %rdx, %rax\n"
        "   mov %rax, %r11\n"
        "   lfence\n"
        "   movl $1, (%r10)\n"
        "   mfence\n"
        "   lfence\n"
        "   rdtsc\n"
        "   shl $32, %rdx\n"
        "   or %rdx, %rax\n"
        "   sub %r11, %rax\n"
        "   mov %eax, (%rdi)\n"
        "   add $4, %rdi\n"
        "   add %r8, %rbx\n"
        "   and %r9, %rbx\n"
        "   dec %rcx\n"
        "   jnz 1b\n"
        "   mov $0x660, %edx\n"
        "2: out %al, %dx\n"
        "   jmp 2b\n"
        "guest_code_end:\n"
        ".popsection\n");

static void segment(struct kvm_segment *s, int code) {
    *s = (struct kvm_segment){.limit = 0xffffffff,
                              .selector = code ? 0x33 : 0x2b,
                              .type = code ? 11 : 3,
                              .present = 1,
                              .dpl = 3,
                              .db = !code,
                              .s = 1,
                              .l = (uint8_t)code,
                              .g = 1};
}

static char *boot_memory(size_t results_bytes, size_t guest_bytes) {
    char *boot = map(BOOT_BYTES + results_bytes);
    memset(boot, 0, BOOT_BYTES + results_bytes);
    memcpy(boot + CODE, guest_code, (size_t)(guest_code_end - guest_code));
    *(uint64_t *)(boot + PAGE_MAP) = DIRECTORY_POINTERS | 7;
    for (uint64_t gib = 0; gib << 30 < guest_bytes; gib++) {
        ((uint64_t *)(boot + DIRECTORY_POINTERS))[gib] = (DIRECTORIES + gib * PAGE_BYTES) | 7;
    }
    for (uint64_t at = 0; at < guest_bytes; at += 2 << 20) {
        ((uint64_t *)(boot + DIRECTORIES))[at >> 21] = at | 0x87;
    }
    return boot;
}

static void slot(int vm, uint32_t number, uint64_t guest, size_t bytes, char *host) {
    struct kvm_userspace_memory_region region = {number, 0, guest, bytes, (uint64_t)host};
    if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) != 0) {
        fail("KVM_SET_USER_MEMORY_REGION");
    }
}

static void set_cpuid(int kvm, int cpu) {
    struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + 256 * sizeof(cpuid->entries[0]));
    cpuid->nent = 256;
    if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid) != 0 || ioctl(cpu, KVM_SET_CPUID2, cpuid) != 0) {
        fail("CPUID");
    }
    free(cpuid);
}

static void set_registers(int cpu, uint64_t base, uint64_t results) {
    struct kvm_sregs system;
    struct kvm_regs registers = {.rip = CODE,
                                 .rflags = 0x3002,
                                 .rsi = base,
                                 .rdi = results,
                                 .r8 = step(),
                                 .r9 = options.pages - 1,
                                 .rcx = options.faults};
    ioctl(cpu, KVM_GET_SREGS, &system);
    segment(&system.cs, 1);
    struct kvm_segment *data[] = {&system.ds, &system.es, &system.fs, &system.gs, &system.ss};
    for (int i = 0; i < 5; i++) {
        segment(data[i], 0);
    }
    system.cr0 = 0x80050033;
    system.cr3 = PAGE_MAP;
    system.cr4 = 0x620;
    system.efer = 0x500;
    if (ioctl(cpu, KVM_SET_SREGS, &system) != 0 || ioctl(cpu, KVM_SET_REGS, &registers) != 0) {
        fail("registers");
    }
}

static void *touch_as_vcpu(void *unused) {
    size_t results_bytes = (options.faults * 4 + (2 << 20)) & ~(size_t)((2 << 20) - 1);
    uint64_t base = BOOT_BYTES + results_bytes;
    char *boot = boot_memory(results_bytes, base + options.pages * PAGE_BYTES);
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    int vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
    int cpu = vm < 0 ? -1 : ioctl(vm, KVM_CREATE_VCPU, 0);
    if (cpu < 0) {
        fail("KVM");
    }
    ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000);
    size_t run_bytes = (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    struct kvm_run *run = mmap(NULL, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
    slot(vm, 0, 0, base, boot);
    slot(vm, 1, base, options.pages * PAGE_BYTES, memory);
    set_cpuid(kvm, cpu);
    set_registers(cpu, base, BOOT_BYTES);
    schedule(options.toucher);
    uint64_t cycles = __rdtsc(), begin = nanos();
    do {
        if (ioctl(cpu, KVM_RUN, 0) != 0 && errno != EINTR) {
            fail("KVM_RUN");
        }
    } while (run->exit_reason == KVM_EXIT_INTR);
    if (run->exit_reason != KVM_EXIT_IO) {
        fprintf(stderr, "faultfloor: the vCPU left with reason %u\n", run->exit_reason);
        exit(1);
    }
    nanos_a_cycle = (double)(nanos() - begin) / (double)(__rdtsc() - cycles);
    for (size_t i = 0; i < options.faults; i++) {
        touched_nanos[i] = (uint32_t)(((uint32_t *)(boot + BOOT_BYTES))[i] * nanos_a_cycle);
    }
    return unused;
}

// ---- all of it

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void print_quantiles(const char *prefix, uint32_t *values) {
    size_t n = options.faults;
    qsort(values, n, sizeof(*values), ascending);
    printf(" %sp50_us=%.1f %sp99_us=%.1f %sp999_us=%.1f %smax_us=%.1f", prefix, values[n / 2] / 1e3, prefix,
           values[n - 1 - n / 100] / 1e3, prefix, values[n - 1 - n / 1000] / 1e3, prefix, values[n - 1] / 1e3);
}

static int connect_to(const struct sockaddr_in *address) {
    int one = 1, connected = socket(AF_INET, SOCK_STREAM, 0);
    if (connected < 0 || connect(connected, (const struct sockaddr *)address, sizeof(*address)) != 0 ||
        setsockopt(connected, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0) {
        fail("connect");
    }
    return connected;
}

static void run_destination(const struct sockaddr_in *address) {
    pthread_t handler, toucher, placer;
    handled_nanos = (uint32_t *)map(options.faults * 4);
    touched_nanos = (uint32_t *)map(options.faults * 4);
    memset(handled_nanos, 0, options.faults * 4);
    memset(touched_nanos, 0, options.faults * 4);
    open_faults();
    memory = map_missing(options.pages * PAGE_BYTES);
    request_socket = connect_to(address);
    char ready;
    read_all(request_socket, &ready, 1);
    if (options.push) {
        pushed = map_missing(PUSHED_BYTES);
        push_socket = connect_to(address);
        pthread_create(&placer, NULL, place_pushed, NULL);
        while (pushed_bytes < PUSHED_BYTES) {
            usleep(10000);
        }
    }
    uint64_t begin = nanos(), pushed_before = pushed_bytes;
    pthread_create(&handler, NULL, handle_faults, NULL);
    pthread_create(&toucher, NULL, options.vcpu ? touch_as_vcpu : touch, NULL);
    pthread_join(handler, NULL);
    double seconds = (double)(nanos() - begin) / 1e9;
    double pushed_meanwhile = (double)(pushed_bytes - pushed_before);
    pthread_join(toucher, NULL);
    size_t late = 0;
    for (size_t i = 0; i < options.faults; i++) {
        late += touched_nanos[i] > 5000000;
    }
    printf("faults=%zu seconds=%.3f", options.faults, seconds);
    print_quantiles("", touched_nanos);
    print_quantiles("handled_", handled_nanos);
    printf(" over_5ms=%zu push_bytes_per_second=%.0f nanos_a_cycle=%.6f\n", late, pushed_meanwhile / seconds,
           nanos_a_cycle);
}

int main(int count, char **arguments) {
    for (int option; (option = getopt(count, arguments, "n:vpk:L:P:T:")) != -1;) {
        switch (option) {
        case 'n': options.faults = (size_t)atol(optarg); break;
        case 'v': options.vcpu = 1; break;
        case 'p': options.push = 1; break;
        case 'k': options.chunk = (size_t)atol(optarg) << 10; break;
        case 'L': options.latency = optarg; break;
        case 'P': options.pushers = optarg; break;
        case 'T': options.toucher = optarg; break;
        default: return 2;
        }
    }
    if (options.faults < 1000 || options.faults > MAXIMUM_FAULTS ||
        options.chunk < PAGE_BYTES || options.chunk > PUSHED_BYTES / 2) {
        fprintf(stderr, "faultfloor: -n is from 1000 to %d, -k from 4 to %d\n", MAXIMUM_FAULTS, PUSHED_BYTES >> 11);
        return 2;
    }
    for (options.pages = 1 << 17; options.pages < options.faults; options.pages *= 2) {
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) || listen(listener, 2) ||
        getsockname(listener, (struct sockaddr *)&address, &length)) {
        fail("listen");
    }
    pid_t source = fork();
    if (source < 0) {
        fail("fork");
    }
    if (source == 0) {
        run_source(listener);
    }
    run_destination(&address);
    fflush(stdout);
    kill(source, SIGKILL);
    _exit(0);
}

// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
//
// The load that QEMU moves in the benchmarks: fills its RAM with random words that are never zero, then rewrites the
// pages of a working set at a rate, or does nothing at all. Options, by QEMU's -append:
//
//   fill=MIB   how much RAM to fill, from 4 MiB on (default: all)
//   set=MIB    the working set, swept page after page, at the bottom of what was filled (default 64)
//   rate=N     pages of 4 KiB a second (default 0: stays halted for ever)
//   random=1   the sweep's order is without locality: steps near the golden section of the set, round and round
//   beat=N     shows '~' N times a second, so that whoever reads along sees when the machine stood still
//   mark=N     shows '+' after each N pages written, so that whoever reads along sees its work
//   owe=US     how much undone work it catches up with, in microseconds of its rate, after it was kept from running
//              (default 10000)
//   ring=3     works in ring 3, where it cannot sleep and watches the clock instead; for hypervisors that are slow in
//              ring 0. It gets there by sysexit on a processor that calls itself Intel's, by iret on others. Without
//              it, the program sleeps between the ticks of a 1 kHz timer, and takes no more of the host's processors
//              than its work needs
//
// The serial console shows "load: filled N MiB", then "load: running", then once a second "load: wrote N" (pages, in
// all).

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

enum {
    PAGE_BYTES = 4096,
    FIRST_FILLED = 4 << 20,
    TIMER_HERTZ = 1193182,
    TICK_HERTZ = 1000,
    GENERAL_PROTECTION = 13,
    TIMER = 32,
    CALIBRATIONS_A_SECOND = 20,
    SERIAL = 0x3f8,
};

// As the loader lays it out: 32-bit addresses.
struct loader_info {
    u32 flags;
    u32 memory_lower_kib;
    u32 memory_upper_kib;
    u32 boot_device;
    u32 command_line;
};

struct gate {
    u16 offset_low, selector, type, offset_middle;
    u32 offset_high, reserved;
};

// What was asked for, by the options.
static struct {
    u32 mebibytes, set_mebibytes, rate, ring, random, beat, mark, owe_micros;
} wanted;

extern void enter_ring3(void (*program)(void), int by_sysexit);
extern void halt_for_ever(void);
extern void timer_interrupt(void);

static struct gate interrupts[TIMER + 1];

static inline void out8(u16 port, u8 value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }

static inline u8 in8(u16 port) {
    u8 value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline u64 cycles(void) {
    u64 value;
    __asm__ volatile("rdtsc; shl $32, %%rdx; or %%rdx, %%rax" : "=a"(value) : : "rdx");
    return value;
}

// Interrupts are taken only here, so the rest of the program need not think of them.
static inline void wait_for_tick(void) {
    if (wanted.ring == 3) {
        __asm__ volatile("pause");
    } else {
        __asm__ volatile("sti; hlt; cli" : : : "memory");
    }
}

static void show_text(const char *text) {
    for (; *text; text++) {
        while (!(in8(SERIAL + 5) & 0x20)) {
        }
        out8(SERIAL, (u8)*text);
    }
}

static void show(const char *before, u32 number, const char *after) {
    char digits[11];
    int at = 10;
    digits[at] = 0;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    show_text(before);
    show_text(digits + at);
    show_text(after);
}

// The number behind "name=" in the options, or what it is without.
static u32 option(const char *options, const char *name, u32 without) {
    for (; *options; options++) {
        int length = 0;
        while (name[length] && options[length] == name[length]) {
            length++;
        }
        if (name[length] == 0 && options[length] == '=') {
            u32 value = 0;
            for (options += length + 1; *options >= '0' && *options <= '9'; options++) {
                value = value * 10 + (u32)(*options - '0');
            }
            return value;
        }
    }
    return without;
}

static void fill(u64 from, u64 to) {
    u32 word = 0x9e3779b9;
    for (u32 *at = (u32 *)from; at < (u32 *)to; at++) {
        // xorshift: passes through every value but zero
        word ^= word << 13;
        word ^= word >> 17;
        word ^= word << 5;
        *at = word;
    }
}

static struct gate gate_to(void (*handler)(void)) {
    u64 at = (u64)handler;
    return (struct gate){(u16)at, 8, 0x8e00, (u16)(at >> 16), 0, 0};
}

static void set_interrupts(void) {
    struct {
        u16 limit;
        const struct gate *base;
    } __attribute__((packed)) table = {sizeof(interrupts) - 1, interrupts};
    interrupts[GENERAL_PROTECTION] = gate_to(halt_for_ever);
    interrupts[TIMER] = gate_to(timer_interrupt);
    __asm__ volatile("lidt %0" : : "m"(table));
}

static void start_timer(void) {
    // Both interrupt controllers: their vectors, how they are chained, and only the timer let through.
    static const u8 controllers[][2] = {
        {0x20, 0x11}, {0xa0, 0x11}, {0x21, TIMER}, {0xa1, TIMER + 8}, {0x21, 4},
        {0xa1, 2},    {0x21, 1},    {0xa1, 1},     {0x21, 0xfe},      {0xa1, 0xff},
    };
    for (u32 i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++) {
        out8(controllers[i][0], controllers[i][1]);
    }
    out8(0x43, 0x34);
    out8(0x40, (TIMER_HERTZ / TICK_HERTZ) & 0xff);
    out8(0x40, (TIMER_HERTZ / TICK_HERTZ) >> 8);
}

// Cycles a second: counted while the timer's third channel runs down once, a twentieth of a second.
static u64 calibrate(void) {
    u32 count = TIMER_HERTZ / CALIBRATIONS_A_SECOND;
    u8 gate = in8(0x61) & 0xfc;
    out8(0x61, gate);
    out8(0x43, 0xb0);
    out8(0x42, count & 0xff);
    out8(0x42, count >> 8);
    out8(0x61, gate | 1);
    u64 before = cycles();
    while (!(in8(0x61) & 0x20)) {
    }
    return (cycles() - before) * CALIBRATIONS_A_SECOND;
}

// A step that visits every page once, far from the one before: near the golden section, without a common factor with
// the count.
static u32 stride(u32 page_count) {
    u32 step = (u32)((u64)page_count * 618034 / 1000000);
    for (;; step++) {
        u32 a = step, b = page_count;
        while (b != 0) {
            u32 rest = a % b;
            a = b;
            b = rest;
        }
        if (a == 1) {
            return step;
        }
    }
}

// Between two beats, 0 for none.
static u64 cycles_a_beat;

static void beat(void) {
    static u64 next;
    if (cycles_a_beat != 0) {
        u64 now = cycles();
        if ((long long)(now - next) >= 0) {
            next = now + cycles_a_beat;
            out8(SERIAL, '~');
        }
    }
}

static void dirty(u64 from, u32 page_count, u32 rate) {
    u64 cycles_a_second = calibrate();
    u64 cycles_a_page = cycles_a_second / rate;
    u64 owed_cycles = cycles_a_second / 1000000 * wanted.owe_micros;
    if (wanted.ring != 3) {
        start_timer();
    }
    u64 due = cycles();
    u64 next_report = due + cycles_a_second;
    cycles_a_beat = wanted.beat == 0 ? 0 : cycles_a_second / wanted.beat;
    u32 page = 0, written = 0, unmarked = 0;
    u32 step = wanted.random ? stride(page_count) : 1;
    for (;;) {
        wait_for_tick();
        u64 now = cycles();
        beat();
        // What a pause of the machine left undone is not caught up with, beyond what was asked for.
        if ((long long)(now - due) > (long long)owed_cycles) {
            due = now - owed_cycles;
        }
        for (; (long long)(now - due) >= 0; due += cycles_a_page) {
            volatile u32 *stamp = (volatile u32 *)(from + (u64)page * PAGE_BYTES);
            *stamp += 2;
            page = page + step >= page_count ? page + step - page_count : page + step;
            written++;
            beat();
            if (++unmarked == wanted.mark) {
                unmarked = 0;
                out8(SERIAL, '+');
            }
        }
        if ((long long)(now - next_report) >= 0) {
            next_report = now + cycles_a_second;
            show("load: wrote ", written, "\n");
        }
    }
}

static void work(void) {
    fill(FIRST_FILLED, FIRST_FILLED + ((u64)wanted.mebibytes << 20));
    show("load: filled ", wanted.mebibytes, " MiB\n");
    show_text("load: running\n");
    if (wanted.rate != 0) {
        dirty(FIRST_FILLED, wanted.set_mebibytes << 8, wanted.rate);
    }
    for (;;) {
        __asm__ volatile("hlt");
    }
}

static int is_intel(void) {
    u32 leaf = 0, name;
    __asm__("cpuid" : "+a"(leaf), "=b"(name) : : "ecx", "edx");
    return name == 0x756e6547;
}

void run(const struct loader_info *loader) {
    const char *options = (const char *)(u64)loader->command_line;
    u32 all_mebibytes = (loader->memory_upper_kib >> 10) + 1 - (FIRST_FILLED >> 20);
    wanted.mebibytes = option(options, "fill", all_mebibytes);
    wanted.set_mebibytes = option(options, "set", 64);
    wanted.rate = option(options, "rate", 0);
    wanted.ring = option(options, "ring", 0);
    wanted.random = option(options, "random", 0);
    wanted.beat = option(options, "beat", 0);
    wanted.mark = option(options, "mark", 0);
    wanted.owe_micros = option(options, "owe", 10000);
    set_interrupts();
    if (wanted.mebibytes > all_mebibytes || wanted.set_mebibytes > all_mebibytes || wanted.set_mebibytes == 0) {
        show("load: fill and set must be at most ", all_mebibytes, " MiB here\n");
        halt_for_ever();
    }
    if (wanted.ring == 3) {
        enter_ring3(work, is_intel());
    }
    work();
}

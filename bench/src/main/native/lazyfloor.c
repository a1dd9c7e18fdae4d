// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
//
// The floor under a lazy restore: hands a guest from a file that QEMU wrote to a QEMU that waits, by postcopy, and does
// nothing else. Nothing is hashed, decompressed or checked, the file is mapped and indexed before the clock starts,
// pages leave straight from the page cache in runs of 64, and there is no window. So its second figure is how fast the
// destination takes pages in at all.
//
// lazyfloor FILE SOCKET      the destination listens at the unix socket SOCKET, with postcopy-ram on
//
// Prints one line: runs_ms=T whole_ms=T requests=N. Both times begin before the connection is made.

#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    PAGE = 4096,
    RUN_PAGES = 64,
    MAX_BLOCKS = 64,
    BACK_BYTES = 1 << 16,
    PACKAGE_PING = 3,
};

enum { PING = 2, ADVISE = 3, LISTEN = 4, RUN = 5, DISCARD = 6, PACKAGED = 7 };
enum { ZERO_PAGE = 0x02, BLOCK_LIST = 0x04, CONTENT = 0x08, END_OF_SECTION = 0x10, SAME_BLOCK = 0x20, FLAGS = 0xfff };
enum { SHUT = 1, PONG = 2, WANTED = 3, WANTED_OF_BLOCK = 4 };

struct block {
    char name[256];
    uint64_t pages;
    const uint8_t **content;
    uint8_t *sent;
};

static struct block blocks[MAX_BLOCKS];
static int block_count;
static const uint8_t *file;
static size_t file_bytes;
static size_t start_at, start_behind, devices_at, devices_behind;
static uint32_t ram_section;
static int wire;
static int shut, pongs, wanted_block;
static long requests;
static double runs_ms;
static struct timespec begin;
static struct {
    int block;
    uint64_t page;
} queue[1 << 16];
static unsigned queued, served;

static void fail(const char *what) {
    fprintf(stderr, "lazyfloor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double since(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - begin.tv_sec) * 1e3 + (now.tv_nsec - begin.tv_nsec) / 1e6;
}

static uint64_t word(size_t at, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) {
        value = value << 8 | file[at + i];
    }
    return value;
}

static int block_named(const char *name) {
    for (int i = 0; i < block_count; i++) {
        if (strcmp(blocks[i].name, name) == 0) {
            return i;
        }
    }
    errno = ENOENT;
    fail(name);
    return -1;
}

static size_t name_at(size_t at, char *name) {
    int length = file[at];
    memcpy(name, file + at + 1, length);
    name[length] = 0;
    return at + 1 + length;
}

// One RAM section from behind its head; gives where it ends.
static size_t index_section(size_t at) {
    char name[256];
    static int block = -1;
    while (1) {
        uint64_t head = word(at, 8);
        at += 8;
        if (head & END_OF_SECTION) {
            return at;
        }
        if (head & BLOCK_LIST) {
            for (uint64_t left = head & ~(uint64_t)FLAGS; left > 0;) {
                struct block *next = &blocks[block_count++];
                at = name_at(at, next->name);
                next->pages = word(at, 8) / PAGE;
                left -= word(at, 8);
                at += 8;
                next->content = calloc(next->pages, sizeof(void *));
                next->sent = calloc(next->pages, 1);
            }
            continue;
        }
        if (!(head & SAME_BLOCK)) {
            at = name_at(at, name);
            block = block_named(name);
        }
        uint64_t page = (head & ~(uint64_t)FLAGS) / PAGE;
        if (head & CONTENT) {
            blocks[block].content[page] = file + at;
            at += PAGE;
        } else if (head & ZERO_PAGE) {
            blocks[block].content[page] = 0;
            at++;
        }
    }
}

// Finds the RAM sections, and the devices behind them as one piece.
static void index_file(void) {
    const uint8_t *ram = memmem(file, file_bytes < PAGE ? file_bytes : PAGE, "\3ram", 4);
    if (ram == 0) {
        fail("no stream of QEMU's");
    }
    start_at = ram - file - 5;
    ram_section = word(start_at + 1, 4);
    size_t at = ram - file + 4 + 8;
    int kind = 1;
    while (1) {
        at = index_section(at);
        if (kind == 1) {
            start_behind = at + 5;
        }
        at += 5;
        if (kind == 3) {
            break;
        }
        kind = file[at];
        // Between sections QEMU may put commands, which have a length.
        while (kind == 8) {
            at += 5 + word(at + 3, 2);
            kind = file[at];
        }
        at += 5;
    }
    devices_at = at;
    for (size_t end = file_bytes - 6; end > devices_at; end--) {
        if (file[end] == 0 && file[end + 1] == 6 && word(end + 2, 4) <= file_bytes - end && file[end + 6] == '{') {
            devices_behind = end;
            return;
        }
    }
    fail("no description of the devices");
}

static void put_all(const void *bytes, size_t length) {
    while (length > 0) {
        ssize_t done = write(wire, bytes, length);
        if (done < 0) {
            fail("write");
        }
        bytes = (const char *)bytes + done;
        length -= done;
    }
}

static uint8_t *put(uint8_t *at, uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; i--) {
        *at++ = value >> 8 * i;
    }
    return at;
}

static uint8_t *command(uint8_t *at, int number, int bytes) {
    *at++ = 8;
    at = put(at, number, 2);
    return put(at, bytes, 2);
}

static uint8_t *ping(uint8_t *at, int value) { return put(command(at, PING, 4), value, 4); }

static void announce(void) {
    uint8_t *out = malloc(start_behind + 100 + 300 * MAX_BLOCKS), *at = out;
    memcpy(at, file, start_at);
    at += start_at;
    at = command(at, 1, 0);
    at = command(at, ADVISE, 16);
    at = put(put(at, PAGE, 8), PAGE, 8);
    memcpy(at, file + start_at, start_behind - start_at);
    at += start_behind - start_at;
    for (int i = 0; i < block_count; i++) {
        int length = strlen(blocks[i].name);
        at = command(at, DISCARD, 3 + length + 16);
        *at++ = 0;
        *at++ = length;
        memcpy(at, blocks[i].name, length + 1);
        at = put(put(at + length + 1, 0, 8), blocks[i].pages * PAGE, 8);
    }
    put_all(out, at - out);
    size_t devices = devices_behind - devices_at;
    out = realloc(out, devices + 100);
    at = put(command(out, PACKAGED, 4), 5 + devices + 9 + 5, 4);
    at = command(at, LISTEN, 0);
    memcpy(at, file + devices_at, devices);
    at = ping(at + devices, PACKAGE_PING);
    at = command(at, RUN, 0);
    put_all(out, at - out);
}

// Takes what has come on the way back; gives whether all of it was whole messages.
static void hear(int wait) {
    static uint8_t back[BACK_BYTES];
    static size_t have;
    struct pollfd poll_wire = {.fd = wire, .events = POLLIN};
    if (poll(&poll_wire, 1, wait ? -1 : 0) <= 0) {
        return;
    }
    ssize_t got = read(wire, back + have, sizeof back - have);
    if (got <= 0) {
        fail("the destination is gone");
    }
    have += got;
    size_t at = 0;
    while (have - at >= 4) {
        int kind = back[at] << 8 | back[at + 1];
        size_t length = back[at + 2] << 8 | back[at + 3];
        if (have - at < 4 + length) {
            break;
        }
        const uint8_t *data = back + at + 4;
        at += 4 + length;
        if (kind == SHUT) {
            shut = 1;
        } else if (kind == PONG) {
            pongs++;
            runs_ms = runs_ms == 0 ? since() : runs_ms;
        } else if (kind == WANTED || kind == WANTED_OF_BLOCK) {
            if (kind == WANTED_OF_BLOCK) {
                char name[256] = {0};
                memcpy(name, data + 13, data[12]);
                wanted_block = block_named(name);
            }
            uint64_t start;
            memcpy(&start, data, 8);
            queue[queued % (1 << 16)].block = wanted_block;
            queue[queued++ % (1 << 16)].page = be64toh(start) / PAGE;
            requests++;
        }
    }
    memmove(back, back + at, have - at);
    have -= at;
}

// Sends up to a run of pages of a block from there on that were not sent before; gives the page behind them.
static uint64_t send_run(int index, uint64_t page, int most) {
    static uint8_t heads[RUN_PAGES * 300 + 64];
    struct iovec parts[2 * RUN_PAGES + 2];
    struct block *block = &blocks[index];
    int count = 0, sent = 0;
    uint8_t *at = heads, *from = heads;
    *at++ = 2;
    at = put(at, ram_section, 4);
    for (; page < block->pages && sent < most; page++) {
        if (block->sent[page]) {
            continue;
        }
        block->sent[page] = 1;
        const uint8_t *content = block->content[page];
        at = put(at, page * PAGE | (content ? CONTENT : ZERO_PAGE) | (sent ? SAME_BLOCK : 0), 8);
        if (!sent++) {
            *at++ = strlen(block->name);
            memcpy(at, block->name, strlen(block->name));
            at += strlen(block->name);
        }
        if (content) {
            parts[count++] = (struct iovec){from, at - from};
            parts[count++] = (struct iovec){(void *)content, PAGE};
            from = at;
        } else {
            *at++ = 0;
        }
    }
    if (!sent) {
        return page;
    }
    at = put(at, END_OF_SECTION, 8);
    *at++ = 0x7e;
    at = put(at, ram_section, 4);
    parts[count++] = (struct iovec){from, at - from};
    for (int first = 0; first < count;) {
        ssize_t done = writev(wire, parts + first, count - first);
        if (done < 0) {
            fail("writev");
        }
        while (first < count && (size_t)done >= parts[first].iov_len) {
            done -= parts[first++].iov_len;
        }
        if (first < count) {
            parts[first].iov_base = (char *)parts[first].iov_base + done;
            parts[first].iov_len -= done;
        }
    }
    return page;
}

static void answer(void) {
    hear(0);
    while (served != queued) {
        int block = queue[served % (1 << 16)].block;
        uint64_t page = queue[served++ % (1 << 16)].page;
        if (!blocks[block].sent[page]) {
            send_run(block, page, 1);
        }
        hear(0);
    }
}

int main(int count, char **words) {
    if (count != 3) {
        fprintf(stderr, "usage: lazyfloor FILE SOCKET\n");
        return 2;
    }
    int opened = open(words[1], O_RDONLY);
    struct stat facts;
    if (opened < 0 || fstat(opened, &facts) < 0) {
        fail(words[1]);
    }
    file_bytes = facts.st_size;
    file = mmap(0, file_bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE, opened, 0);
    if (file == MAP_FAILED) {
        fail("mmap");
    }
    index_file();
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, words[2], sizeof address.sun_path - 1);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    wire = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(wire, (struct sockaddr *)&address, sizeof address) < 0) {
        fail(words[2]);
    }
    announce();
    // As a restore does it: nothing unasked before the guest runs.
    while (pongs == 0) {
        hear(1);
        answer();
    }
    for (int i = 0; i < block_count; i++) {
        for (uint64_t page = 0; page < blocks[i].pages;) {
            answer();
            page = send_run(i, page, RUN_PAGES);
        }
    }
    uint8_t end[19], *at = end;
    *at++ = 3;
    at = put(put(at, ram_section, 4), END_OF_SECTION, 8);
    *at++ = 0x7e;
    at = put(at, ram_section, 4);
    *at++ = 0;
    put_all(end, at - end);
    while (!shut) {
        hear(1);
    }
    printf("runs_ms=%.3f whole_ms=%.3f requests=%ld\n", runs_ms, since(), requests);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Copyright the Godwit authors
//
// capturefloor FILE: takes one migration stream over the loopback and does with its bytes what a capture of random
// memory cannot do without. It makes the SHA-256 of each 4096 of them on two threads, which also write them to FILE. It
// knows nothing of the stream, of pages that it has, or of packs, and compresses nothing. Up to 64 MiB may be received
// and not yet written, as in a capture.
//
// Prints the port that it listens on. When the stream has ended, all is made to last. Then it prints the bytes, and the
// ms from the first byte to the last, and to the end of that.
#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, TRAY = 1 << 20, TRAYS = 64, THREADS = 2 };

struct tray {
    unsigned char bytes[TRAY];
    size_t length;
    long offset;
};

static struct tray *trays;
static int next_full[TRAYS], next_empty[TRAYS];
static int full_count, empty_count, ended;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int file;
static volatile unsigned char sink;

static void require(int true_if_well, const char *what)
{
    if (!true_if_well) {
        perror(what);
        exit(1);
    }
}

static double millis(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static void *store(void *unused)
{
    EVP_MD *sha = EVP_MD_fetch(NULL, "SHA256", NULL);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char sum[32];
    require(sha && context, "SHA-256");
    pthread_mutex_lock(&lock);
    while (1) {
        while (full_count == 0 && !ended)
            pthread_cond_wait(&changed, &lock);
        if (full_count == 0)
            break;
        struct tray *tray = &trays[next_full[--full_count]];
        pthread_mutex_unlock(&lock);
        for (size_t at = 0; at < tray->length; at += PAGE) {
            size_t some = tray->length - at < PAGE ? tray->length - at : PAGE;
            require(EVP_DigestInit_ex2(context, sha, NULL) && EVP_DigestUpdate(context, tray->bytes + at, some) &&
                        EVP_DigestFinal_ex(context, sum, NULL),
                    "SHA-256");
            sink ^= sum[0];
        }
        require(pwrite(file, tray->bytes, tray->length, tray->offset) == (ssize_t)tray->length, "pwrite");
        pthread_mutex_lock(&lock);
        next_empty[empty_count++] = tray - trays;
        pthread_cond_broadcast(&changed);
    }
    pthread_mutex_unlock(&lock);
    return unused;
}

int main(int count, char **arguments)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    pthread_t threads[THREADS];
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    require(count == 2, "usage: capturefloor FILE");
    file = open(arguments[1], O_CREAT | O_TRUNC | O_WRONLY, 0600);
    require(file >= 0, arguments[1]);
    require(bind(listening, (struct sockaddr *)&address, sizeof address) == 0 && listen(listening, 1) == 0 &&
                getsockname(listening, (struct sockaddr *)&address, &length) == 0,
            "listen");
    trays = malloc(sizeof(struct tray) * TRAYS);
    require(trays != NULL, "malloc");
    for (; empty_count < TRAYS; empty_count++)
        next_empty[empty_count] = empty_count;
    for (int i = 0; i < THREADS; i++)
        require(pthread_create(&threads[i], NULL, store, NULL) == 0, "pthread_create");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    int from = accept(listening, NULL, NULL);
    require(from >= 0, "accept");
    double begin = 0;
    long bytes = 0;
    for (int open = 1; open;) {
        pthread_mutex_lock(&lock);
        while (empty_count == 0)
            pthread_cond_wait(&changed, &lock);
        struct tray *tray = &trays[next_empty[--empty_count]];
        pthread_mutex_unlock(&lock);
        tray->offset = bytes;
        tray->length = 0;
        while (open && tray->length < TRAY) {
            ssize_t some = read(from, tray->bytes + tray->length, TRAY - tray->length);
            require(some >= 0, "read");
            begin = begin == 0 ? millis() : begin;
            open = some > 0;
            tray->length += some;
        }
        bytes += tray->length;
        pthread_mutex_lock(&lock);
        next_full[full_count++] = tray - trays;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
    }
    double received = millis();
    pthread_mutex_lock(&lock);
    ended = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    require(fsync(file) == 0, "fsync");
    printf("%ld %.1f %.1f\n", bytes, received - begin, millis() - begin);
    return 0;
}

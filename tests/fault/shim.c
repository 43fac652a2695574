/* The C library's answers, changed for one process (LD_PRELOAD): the wall clock stands elsewhere, names do not resolve.
 *
 * JSON2AVRO_FAULT_SHIM names a file of one page, which the test writes while the process runs: see struct page. Waits for a
 * moment of the wall clock end when the clock that the process sees passes it, as the kernel has it: a step back makes them
 * longer. The monotonic clock is left alone. glibc, built by the test (fault/host.rs).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>
#include <dlfcn.h>

#define SECOND 1000000000LL
/* How late a wait may notice that the clock was set. */
#define SLICE (20 * 1000000LL)

struct page {
  int64_t offset;   /* seconds that the wall clock is ahead */
  int64_t deaf;     /* not 0: no name resolves, no number either */
  int64_t readings; /* how often the wall clock was read while it was ahead or behind */
  int64_t refused;  /* how many look-ups failed */
};

static struct page nowhere;
static struct page *page = &nowhere;
static int (*real_clock)(clockid_t, struct timespec *);
static int (*real_lookup)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

__attribute__((constructor)) static void begin(void) {
  real_clock = dlsym(RTLD_NEXT, "clock_gettime");
  real_lookup = dlsym(RTLD_NEXT, "getaddrinfo");
  const char *name = getenv("JSON2AVRO_FAULT_SHIM");
  int file = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
  if (file < 0) return;
  void *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (mapped != MAP_FAILED) page = mapped;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
  /* Before `begin`: an allocator that starts. */
  int failed = real_clock ? real_clock(clock, at) : (int)syscall(SYS_clock_gettime, clock, at);
  if (failed || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return failed;
  int64_t offset = __atomic_load_n(&page->offset, __ATOMIC_RELAXED);
  if (offset) __atomic_add_fetch(&page->readings, 1, __ATOMIC_RELAXED);
  at->tv_sec += offset;
  return 0;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
  (void)zone;
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *at) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (at) *at = now.tv_sec;
  return now.tv_sec;
}

int timespec_get(struct timespec *at, int base) {
  return base == TIME_UTC && !clock_gettime(CLOCK_REALTIME, at) ? base : 0;
}

static struct timespec after(struct timespec from, int64_t wait) {
  int64_t nanos = from.tv_nsec + wait;
  return (struct timespec){from.tv_sec + nanos / SECOND, nanos % SECOND};
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until) {
  for (;;) {
    struct timespec wall, steady;
    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_MONOTONIC, &steady);
    int64_t left = (until->tv_sec - wall.tv_sec) * SECOND + until->tv_nsec - wall.tv_nsec;
    if (left <= 0) return ETIMEDOUT;
    struct timespec slice = after(steady, left < SLICE ? left : SLICE);
    int ended = pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &slice);
    if (ended != ETIMEDOUT) return ended;
  }
}

/* glibc's cnd_t and mtx_t are its condition and mutex. */
int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict until) {
  int ended = pthread_cond_timedwait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex, until);
  return ended == 0 ? thrd_success : ended == ETIMEDOUT ? thrd_timedout : thrd_error;
}

int getaddrinfo(const char *restrict node, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict found) {
  if (__atomic_load_n(&page->deaf, __ATOMIC_RELAXED)) {
    __atomic_add_fetch(&page->refused, 1, __ATOMIC_RELAXED);
    return EAI_AGAIN;
  }
  return real_lookup(node, service, hints, found);
}

/*
 * lock.h - mutexes that outlive a child which shared our memory.
 *
 * A vfork-like child runs on a thread's own thread-local data, so whatever
 * it locks counts as locked by that thread. If the child is killed in
 * between, the thread finds out with lock_left when it goes on.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

static inline void lock_init(pthread_mutex_t *m)
{
	pthread_mutexattr_t attr;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(m, &attr);
	pthread_mutexattr_destroy(&attr);
}

/* True: m was left locked by such a child. It is free now. */
static inline bool lock_left(pthread_mutex_t *m)
{
	bool left = pthread_mutex_lock(m) == EDEADLK;
	pthread_mutex_unlock(m);
	return left;
}

#endif

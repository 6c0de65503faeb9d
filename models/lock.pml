/* SPDX-License-Identifier: MIT */
/*
 * The lock word between processes: owner, that owner's epoch, waiters, dirty. Three participants and a newcomer who
 * gets a dead one's number; two of them die at any point. A waiter sleeps until it is woken or until a death can be
 * proved; no clock decides anything.
 *
 * Proved: one owner at a time; who follows a dead owner is told, and so is the next one until somebody said that the
 * data is consistent again; nobody sleeps for ever.
 */
#define NUMBERS 3
#define CRASHES 2

/* The word. */
byte owner, owner_epoch;
bool waiters, dirty;

/* The participants' table, and the kernel's locks on their bytes: proof of life. */
byte epoch[NUMBERS + 1];
bool held[NUMBERS + 1];

bool asleep[NUMBERS + 2];
byte inside; /* how many own the lock */
bool half;   /* the data is half changed */
byte crashes;
byte killed; /* whose number is free again */

#ifdef FAULT_NO_EPOCH
#define IS_DEAD(who, of) (!held[who])
#else
#define IS_DEAD(who, of) (!held[who] || epoch[who] != of)
#endif

#define CRASH if :: atomic { crashes < CRASHES -> crashes++; goto died } :: skip fi

proctype participant(byte self; byte me)
{
	byte seen_owner, seen_epoch;
	bool seen_waiters, told, slept;

	if
	:: self > NUMBERS -> /* the newcomer: the number, swept, with a new epoch */
end:		atomic { killed != 0 -> me = killed; epoch[me]++; held[me] = true }
	:: else
	fi;
	do
	:: true ->
		atomic { /* lock_try: compare and exchange with the free word */
			if
			:: owner == 0 ->
				owner = me;
				owner_epoch = epoch[me];
#ifndef FAULT_WAITERS_FORGOTTEN
				waiters = slept; /* who slept does not know whether others still do */
#endif
				told = dirty;
				inside++;
				break
			:: else
			fi
		}
		CRASH;
		atomic { /* lock_announce: the waiters bit, in the very word that was seen */
			seen_owner = owner;
			seen_epoch = owner_epoch;
			if
			:: owner != 0 -> waiters = true
			:: else
			fi
		}
		CRASH;
		if
		:: seen_owner == 0
		:: else ->
			atomic { /* lock_wait: the kernel compares and sleeps in one step */
				if
				:: owner == seen_owner && owner_epoch == seen_epoch && waiters -> asleep[self] = true
				:: else
				fi
			}
			/* The end of a slice helps only if something can be proved then, of whoever the word names now: a wakee that
			 * died took its wake-up along, and left the word free or in its own dead hands. */
#ifdef FAULT_DEATH_OF_THE_SEEN
			!asleep[self] || IS_DEAD(seen_owner, seen_epoch) || (crashes && owner == 0);
#else
			!asleep[self] || (owner != 0 && IS_DEAD(owner, owner_epoch)) || (crashes && owner == 0);
#endif
			asleep[self] = false;
			slept = true;
			CRASH;
			if
#ifdef FAULT_DEATH_BY_CLOCK
			:: owner == seen_owner && seen_owner != me ->
#else
			:: owner == seen_owner && owner_epoch == seen_epoch && IS_DEAD(seen_owner, seen_epoch) ->
#endif
				CRASH;
				atomic { /* lock_take_over: compare and exchange of exactly the dead one's word */
					if
#ifndef FAULT_STORED_TAKEOVER
					:: owner != seen_owner || owner_epoch != seen_epoch -> goto again
#endif
					:: else
					fi;
					inside = (IS_DEAD(owner, owner_epoch) -> inside - 1 : inside);
					owner = me;
					owner_epoch = epoch[me];
#ifndef FAULT_TAKEOVER_UNTOLD
					dirty = true;
#endif
					told = dirty;
					inside++;
					break
				}
			:: else
			fi
		fi;
again:		skip
	od;
	assert(inside == 1);
	assert(!half || told);
	CRASH;
	if
	:: told /* and left as it is, for the next one to see too */
	:: true ->
		half = true;
		CRASH;
		assert(inside == 1);
		half = false; /* changed wholly, or repaired */
		CRASH;
		dirty = false; /* lock_consistent */
		CRASH
	fi;
	atomic { /* lock_release: an exchange, which tells of waiters; dirty stays */
		assert(owner == me && owner_epoch == epoch[me]);
		seen_waiters = waiters;
		owner = 0;
		owner_epoch = 0;
		waiters = false;
#ifdef FAULT_RELEASE_CLEANS
		dirty = false;
#endif
		inside--
	}
	CRASH;
#ifndef FAULT_NO_WAKE
	if
	:: seen_waiters -> /* lock_wake: one */
		atomic {
			if
			:: asleep[1] -> asleep[1] = false
			:: asleep[2] -> asleep[2] = false
			:: asleep[3] -> asleep[3] = false
			:: asleep[4] -> asleep[4] = false
			:: else
			fi
		}
	:: else
	fi;
#endif
	goto finished;
died:
	/* The kernel frees the byte, and takes the sleeper out of its queue. */
	atomic { held[me] = false; asleep[self] = false; killed = me };
finished:
	skip
}

init {
	atomic {
		held[1] = true;
		held[2] = true;
		held[3] = true;
		run participant(1, 1);
		run participant(2, 2);
		run participant(3, 3);
		run participant(4, 0)
	}
}

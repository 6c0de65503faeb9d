/* SPDX-License-Identifier: MIT */
/*
 * One sender, one receiver, a ring of two records, and both ways of sleeping: the receiver for records, the sender for
 * room. Each participant stores through a buffer of its own, as x86 does, which empties at any moment, in order; an
 * atomic exchange and a fence wait until it is empty, and a membarrier waits for the other's. One of the two dies at
 * any point; a dead receiver has a successor. Freezing needs no transition of its own: a process that is never chosen
 * again is frozen.
 *
 * Proved: every record that tail covers is lent in order, whole, at least once; twice only with the flag; nobody sleeps
 * for ever beside work. The slice, which ends a sleep by time, is granted only beside a dead peer: between the living no
 * wake-up may be lost.
 */
#define RECORDS 3
#define SIZE 2
#define SENDER 0
#define FIRST 1
#define SECOND 2

/* What the words hold for everybody else than who stores them. Positions count records and are never reset. */
byte tail, taken, done, credit;
byte slot[SIZE];
bool asleep[2];            /* who sleeps on ev[0], records, and ev[1], room */
bool sleeper[2], fence[2]; /* ev: the two bits and the counter */
byte turns[2];
bool dead[3];
bool crashed;

mtype = { TAIL, TAKEN, DONE, CREDIT, RECORD };
chan buffer[3] = [3] of { mtype, byte };

byte lent[RECORDS];
byte wanted; /* positions that the sender has stored, whether visible yet or not */

#define drained(i) (empty(buffer[i]))
#define STORE(word, value) buffer[me]!word, value

/* A crash at this label. What a dead process had stored still arrives, and only then does the kernel free its lock. */
#ifdef NO_CRASH
#define CRASH skip
#else
#define CRASH if :: atomic { !crashed && me != SECOND -> crashed = true; goto died } :: skip fi
#endif

proctype drain(byte me)
{
	byte value;

end:	do
	:: atomic { buffer[me]?TAIL, value -> tail = value; value = 0 }
	:: atomic { buffer[me]?TAKEN, value -> taken = value; value = 0 }
	:: atomic { buffer[me]?DONE, value -> done = value; value = 0 }
	:: atomic { buffer[me]?CREDIT, value -> credit = value; value = 0 }
	:: atomic { buffer[me]?RECORD, value -> slot[value % SIZE] = value + 1; value = 0 }
	od
}

/* After a store that the other may sleep for: ev_load, ev_fence, ev_claim, ev_wake. */
inline wake(e)
{
	atomic { seen_sleeper = sleeper[e]; seen_fence = fence[e] } /* ev_load */
	if
	:: seen_fence ->
#ifndef FAULT_NO_FENCE
		drained(me); /* ev_fence */
#endif
		seen_sleeper = sleeper[e]
	:: else
	fi;
	CRASH;
	if
	:: seen_sleeper ->
#ifdef FAULT_WAKER_KEEPS_WORD
		/* the sleeper bit is taken away by a store and the counter stays */
		sleeper[e] = false;
		asleep[e] = false
#else
		atomic { /* ev_claim */
			drained(me);
			if
			:: sleeper[e] -> sleeper[e] = false; turns[e] = (turns[e] + 1) % 4
			:: else -> seen_sleeper = false
			fi
		}
		CRASH;
		if
		:: seen_sleeper -> asleep[e] = false /* ev_wake */
		:: else
		fi
#endif
	:: else
	fi
}

/* The sleeper's bit, and with it the mode: fenced, or free of fences by membarrier. */
inline arm(e, other)
{
	atomic { /* ev_arm */
		drained(me);
		sleeper[e] = true;
		seen_turns = turns[e];
		seen_fence = fence[e];
		if
		:: fence[e] = false; seen_fence = false /* ev_mode: the present mode or another, as it likes */
		:: fence[e] = true
		:: skip
		fi
	}
#ifndef FAULT_NO_MEMBARRIER
	if
#ifdef FAULT_SWITCH_WITHOUT_BARRIER
	:: !fence[e] -> drained(other)
#else
	:: !seen_fence || !fence[e] -> drained(other) /* ev_membarrier: in free mode, and at each change of mode */
#endif
	:: else
	fi
#endif
}

inline wait(e, other)
{
	atomic { /* ev_wait: the kernel compares the word and sleeps in one step */
		if
#ifdef FAULT_WAKER_KEEPS_WORD
		:: turns[e] == seen_turns -> asleep[e] = true
#else
		:: sleeper[e] && turns[e] == seen_turns -> asleep[e] = true
#endif
		:: else
		fi
	}
	!asleep[e] || dead[other];
	asleep[e] = false
}

proctype sender()
{
	byte me = SENDER;
	byte next, room = SIZE, seen_turns;
	bool seen_sleeper, seen_fence;

	do
	:: next == RECORDS -> break
	:: next < RECORDS && next < room -> /* fits */
		CRASH;
#ifdef FAULT_TAIL_FIRST
		atomic { STORE(TAIL, next + 1); wanted = next + 1 }
		STORE(RECORD, next);
#else
		STORE(RECORD, next); /* ring_fill */
		CRASH;
		atomic { STORE(TAIL, next + 1); wanted = next + 1 } /* ring_publish */
#endif
		CRASH;
		next++;
		wake(0)
	:: next < RECORDS && next == room ->
		room = credit + SIZE; /* ring_credit_load */
		if
		:: next == room ->
			arm(1, FIRST);
			drained(SECOND) /* the membarrier reaches every process */;
#ifndef FAULT_NO_RECHECK
			room = credit + SIZE; /* ring_credit_recheck */
#endif
			if
			:: next == room -> wait(1, FIRST)
			:: else
			fi
		:: else
		fi
	od;
	goto finished; /* idle, and alive */
died:
	drained(me);
	dead[me] = true;
finished:
	skip
}

proctype receiver(byte me)
{
	byte head, given, flagged, seen_tail, seen_turns;
	bool seen_sleeper, seen_fence;

	/* The role is free when the kernel freed the last one's lock, which may never be. */
end:	me == FIRST || dead[FIRST];
	atomic { head = done; flagged = taken; given = credit } /* ring_take_over */
	do
	:: head == RECORDS -> break
	:: head < RECORDS ->
		seen_tail = tail; /* ring_look */
		CRASH;
		if
		:: seen_tail > head ->
#ifndef FAULT_TAKEN_LATE
			STORE(TAKEN, head + 1); /* ring_taken */
#endif
			CRASH;
			atomic { /* ring_lend */
				assert(slot[head % SIZE] == head + 1);
				lent[head]++;
				assert(lent[head] == 1 || head < flagged)
			}
			CRASH;
#ifdef FAULT_TAKEN_LATE
			STORE(TAKEN, head + 1);
#endif
#ifdef FAULT_CREDIT_EARLY
			STORE(CREDIT, head + 1);
			CRASH;
			assert(slot[head % SIZE] == head + 1);
#endif
			STORE(DONE, head + 1); /* ring_done */
			head++;
			CRASH;
			if
			:: head > given -> /* lazily: now or later */
				STORE(CREDIT, head); /* ring_credit */
				given = head;
				CRASH;
				wake(1)
			:: skip
			fi
		:: seen_tail <= head && dead[SENDER] && tail == head -> break /* GONE */
		:: seen_tail <= head ->
#ifndef FAULT_CREDIT_KEPT
			if
			:: given < head -> /* who sleeps gives back all room first */
				STORE(CREDIT, head);
				given = head;
				CRASH;
				wake(1)
			:: else
			fi;
#endif
			arm(0, SENDER);
			CRASH;
#ifndef FAULT_NO_RECHECK
			seen_tail = tail; /* ring_recheck */
#endif
			if
			:: seen_tail <= head -> wait(0, SENDER)
			:: else
			fi
		fi
	od;
	assert(head == wanted);
	goto finished;
died:
	drained(me);
	dead[me] = true;
finished:
	skip
}

init {
	atomic {
		fence[0] = true;
		fence[1] = true;
		run drain(SENDER);
		run drain(FIRST);
		run drain(SECOND);
		run sender();
		run receiver(FIRST);
		run receiver(SECOND)
	}
}

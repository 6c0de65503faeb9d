/* SPDX-License-Identifier: MIT */
/*
 * Participants of a segment: entries in a table, and a byte of the file for each, locked by who lives. Three processes
 * join a table of two entries, use a resource in the entry's name, and leave; two of them die at any point, also while
 * they sweep what another death left. Whoever finds the table full, or a resource taken, sweeps.
 *
 * Proved: an entry has one owner; what a living owner holds is never swept, however slow he is; what the dead held is
 * free in the end; a number that is used again is not taken for its old owner; no call waits for a dead process.
 */
#define ENTRIES 2
#define PROCESSES 3
#define CRASHES 2

mtype = { FREE, LIVE };

/* The table, in memory. */
mtype state[ENTRIES];
byte epoch[ENTRIES];

/* The kernel's write locks on the bytes: by which process, 0: none. Each probe has an open file description of its own. */
byte locked[ENTRIES];

/* What participants hold, in the name of entry and epoch: one word. 0: free. */
byte resource_owner, resource_epoch;

byte user; /* which process uses the resource */
byte crashes, ended;

#define CRASH if :: atomic { crashes < CRASHES && self <= PROCESSES -> crashes++; goto died } :: skip fi

/* The lock on byte i is ours: whose entry it was is dead. It is read again, since others may have swept and joined, and
 * died, between our first look and our lock. */
inline sweep(i)
{
#ifndef FAULT_STALE_ENTRY
	seen_epoch = epoch[i]; /* liveness_reread */
#endif
	if
	:: state[i] == FREE
	:: else ->
		CRASH;
#ifdef FAULT_ENTRY_FIRST
		atomic { state[i] = FREE; epoch[i]++ }
		CRASH;
#endif
		atomic { /* sweep_resource: compare and exchange of exactly the dead one's word */
			if
			:: resource_owner == i + 1 && resource_epoch == seen_epoch -> resource_owner = 0
			:: else
			fi
		}
		CRASH;
#ifndef FAULT_ENTRY_FIRST
		atomic { state[i] = FREE; epoch[i]++ } /* sweep_entry */
#endif
	fi
}

inline try_lock(i)
{
	atomic {
#ifdef FAULT_OWN_DESCRIPTION
		/* through the description that holds the lock already, which succeeds */
		got = (locked[i] == 0 || locked[i] == self);
#else
		got = (locked[i] == 0);
#endif
		if
		:: got -> locked[i] = self
		:: else
		fi
	}
}

inline unlock(i)
{
	locked[i] = 0
}

inline sweep_all()
{
	at = 0;
	do
	:: at == ENTRIES -> break
	:: at < ENTRIES ->
#ifdef FAULT_DEATH_BY_CLOCK
		seen_epoch = epoch[at];
		if
		:: state[at] == LIVE -> sweep(at)
		:: else
		fi;
#else
		seen_epoch = epoch[at];
		if
		:: state[at] == LIVE -> /* liveness_probe: GETLK would do; the lock itself is the right to sweep */
			try_lock(at);
			CRASH;
			if
			:: got -> sweep(at); CRASH; unlock(at)
			:: else
			fi
		:: else
		fi;
#endif
		at++
	od
}

proctype process(byte self)
{
	byte at, mine, my_epoch, seen_epoch;
	bool got, joined, uses;

	do
	:: joined -> break
	:: else ->
		mine = 0;
		do
		:: mine == ENTRIES -> break
		:: mine < ENTRIES ->
			if
			:: state[mine] == FREE ->
				seen_epoch = epoch[mine];
#ifdef FAULT_LIVE_BEFORE_LOCK
				atomic { state[mine] = LIVE; my_epoch = epoch[mine] }
				CRASH;
				try_lock(mine);
				if
				:: got -> joined = true; break
				:: else
				fi
#else
				try_lock(mine); /* liveness_lock */
				CRASH;
				if
#ifdef FAULT_JOIN_UNREAD
				:: got ->
#else
				:: got && state[mine] == FREE ->
#endif
					atomic { state[mine] = LIVE; my_epoch = epoch[mine] } /* liveness_join */
					joined = true;
					break
#ifndef FAULT_JOIN_UNREAD
				:: got && state[mine] == LIVE -> /* somebody joined and died in between */
					sweep(mine);
					CRASH;
					unlock(mine)
#endif
				:: else
				fi
#endif
			:: else
			fi;
			mine++
		od;
		if
		:: !joined -> sweep_all()
		:: else
		fi
	od;
	CRASH;
	do
	:: uses -> break
	:: else ->
		atomic { /* claim */
			if
			:: resource_owner == 0 -> 
				resource_owner = mine + 1;
				resource_epoch = my_epoch;
				uses = true;
				assert(user == 0);
				user = self
			:: else
			fi
		}
		CRASH;
		if
		:: !uses -> sweep_all()
		:: !uses -> goto leave /* its deadline passed */
		:: else
		fi
	od;
	assert(user == self && resource_owner == mine + 1 && resource_epoch == my_epoch);
	assert(locked[mine] == self && state[mine] == LIVE && epoch[mine] == my_epoch);
	CRASH;
	assert(user == self && resource_owner == mine + 1);
	atomic { resource_owner = 0; user = 0 }
	CRASH;
leave:
#ifdef FAULT_UNLOCK_FIRST
	unlock(mine);
	CRASH;
	atomic { state[mine] = FREE; epoch[mine]++ };
#else
	atomic { state[mine] = FREE; epoch[mine]++ }; /* liveness_leave */
	CRASH;
	unlock(mine);
#endif
	goto finished;
died:
	/* The kernel closes its descriptors. */
	atomic {
		at = 0;
		do
		:: at == ENTRIES -> break
		:: at < ENTRIES ->
			if
			:: locked[at] == self -> locked[at] = 0
			:: else
			fi;
			at++
		od;
		at = 0;
		if
		:: user == self -> user = 0
		:: else
		fi
	}
finished:
	ended++
}

/* Who comes last finds everything in order after one sweep. */
proctype auditor()
{
	byte at, seen_epoch, self = PROCESSES + 1;
	bool got;

	ended == PROCESSES;
	sweep_all();
	assert(resource_owner == 0);
	assert(state[0] == FREE && state[1] == FREE);
	assert(locked[0] == 0 && locked[1] == 0);
	goto finished;
died:
	assert(false);
finished:
	skip
}

init {
	atomic {
		state[0] = FREE;
		state[1] = FREE;
		crashes = 0;
		run process(1);
		run process(2);
		run process(3);
		run auditor()
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * The name of a segment: who comes first makes it, who goes last removes it, and nobody is left in a segment that has no
 * name while others meet in a new one of the same name. Three processes open, use and close; one of them dies at any
 * point. A gate byte is read-locked by who opens and write-locked by who removes.
 *
 * Proved: who has opened is in the segment that the name leads to, for as long as he is there; what the last one left is
 * gone in the end; a death leaves no gate closed.
 */
#define PROCESSES 3
#define INODES 5
#define CRASHES 1

byte name;              /* the inode that the path leads to; 0: none */
byte made;              /* inodes so far */
byte gate_readers[INODES]; /* how many hold a read lock on the gate byte */
byte gate_writer[INODES];  /* which process holds the write lock */
byte living[INODES];       /* how many hold a liveness byte */

byte crashes, ended;

#define CRASH if :: atomic { crashes < CRASHES && self <= PROCESSES -> crashes++; goto died } :: skip fi

inline drop_all()
{
	atomic {
		if
		:: reads -> gate_readers[at]--; reads = false
		:: else
		fi;
		if
		:: at != 0 && gate_writer[at] == self -> gate_writer[at] = 0
		:: else
		fi;
		if
		:: lives -> living[at]--; lives = false
		:: else
		fi
	}
}

inline close_segment()
{
	atomic { living[at]--; lives = false } /* remove_leave */
	CRASH;
#ifndef FAULT_NO_GATE
	atomic { /* remove_gate: try to lock for writing */
		if
		:: gate_readers[at] == 0 && gate_writer[at] == 0 -> gate_writer[at] = self
		:: else
		fi
	}
	CRASH;
	if
	:: gate_writer[at] == self ->
#else
	if
	:: true ->
#endif
		count = living[at]; /* remove_probe: GETLK over all bytes */
		CRASH;
		seen = name; /* remove_look: is it still this file? */
		CRASH;
		if
#ifdef FAULT_UNPROBED
		:: seen == at ->
#else
		:: count == 0 && seen == at ->
#endif
			name = 0 /* remove_unlink */
		:: else
		fi;
		CRASH
	:: else
	fi;
	drop_all()
}

proctype process(byte self)
{
	byte at, seen, count;
	bool reads, lives, opened;

	do
	:: opened -> break
	:: else ->
		atomic { /* open_name */
			at = name;
			if
			:: at == 0 && made < INODES - 1 -> /* made aside, then linked in, which fails if the name is taken: so in one step */
				made++;
				at = made;
				name = at
			:: else
			fi
		}
		CRASH;
#ifndef FAULT_NO_GATE
		atomic { /* open_gate: waits for who removes just now, or dies at it */
			gate_writer[at] == 0 -> gate_readers[at]++;
			reads = true
		}
		CRASH;
#endif
#ifdef FAULT_GATE_EARLY
		atomic { gate_readers[at]--; reads = false }
		CRASH;
#endif
#ifndef FAULT_UNCHECKED
		seen = name; /* open_check: does the path still lead here? */
#else
		seen = at;
#endif
		CRASH;
		if
		:: seen == at ->
			atomic { living[at]++; lives = true } /* open_live */
			CRASH;
			opened = true
		:: else
		fi;
#ifndef FAULT_NO_GATE
		if
		:: reads -> atomic { gate_readers[at]--; reads = false } /* open_ungate */
		:: else
		fi
#endif
	od;
	CRASH;
	assert(name == at);
	CRASH;
	assert(name == at);
	close_segment();
	goto finished;
died:
	drop_all();
finished:
	ended++
}

/* What a dead process left is removed by the next who comes and goes. */
proctype auditor()
{
	byte at, seen, count, self = PROCESSES + 1;
	bool reads, lives;

	ended == PROCESSES;
	if
	:: name != 0 ->
		atomic { at = name; living[at]++; lives = true }
		close_segment()
	:: else
	fi;
	assert(name == 0);
	goto finished;
died:
	assert(false);
finished:
	skip
}

init {
	atomic {
		run process(1);
		run process(2);
		run process(3);
		run auditor()
	}
}

/** What has to be known to read the table. */
import { peers, shown, slowPeers } from './stores/all.js'
import { turnlog, turnlogBlocking } from './stores/turnlog.js'

const all = [turnlog, turnlogBlocking, ...peers, ...slowPeers, ...shown]

export const notes = `## How it was measured

- **300-byte events** and **real mix**: the built-in \`item.completed\` in a running turn, seeded. The real mix has the sizes of 194,131 records of
  real transcripts: half below 1,050 bytes, nine of ten below 6.2 KB, 99 of 100 below 50.7 KB, the largest 961 KB; text that compresses as text does.
- **Durability**, and syncs for each append of a lone caller, counted with \`strace\`:
  ${all.map(({ name, durability, syncs }) => `${name}: ${durability}, ${syncs}`).join('; ')}. Every append is awaited.
- **Fastest peer**: of those that promise the same. hypercore does not, and is shown. @deepseek-ai/dsh-session-persistence-jsonl is not in the
  table: it needs the Zstandard of Node 22.15. emmett-sqlite now and then ends its process (SQLITE_BUSY, thrown where nobody can catch it)
  and is begun again then; with 64 callers it may do so every time, and is in no row of so many.
- **No store** writes and syncs as many bytes into space that is there already: what the disk, and the way to the thread that syncs and back,
  leave to everybody. The loop that encodes also packs each commit and writes all that wait together.
- **Encoding and version check**: every contender stores plain MessagePack, packed and unpacked by the same library, and refuses a commit whose
  stream has moved on; emmett-sqlite brings its own of both, in JSON. Peers keep an index of streams.
- **turnlog** judges events by their schemas; **with laws and views** is the journal as a runtime uses it: every event held against the laws, seven
  projections folded and kept on the disk while it is written. No peer does that.
- **A process of its own** for each contender in each round: what is compiled for one of them, and what it leaves in memory, is no concern of the others.
- **Warm-up**: some of the same appends to the same store before the clock starts, because what is compiled while it runs is slower at first;
  of scans, replays and readings of old events the second counts.
- **Full scan**: the peers check nothing of what they read, turnlog and the plain file every byte. 1,000,000 small or 60,000 large events in 1,000
  streams, in commits of 5; so in all rows of reading.
- **Replay**: from a closed store to the session projection's rows; the results are compared. A journal does that when it is opened without
  derived state, writing the rows included; what is read of a peer is folded in memory. **Deleted derived state**: the same with all projections.
- **Open**: in a fresh process, from the call to a view in hand and an append on the disk. **SIGKILL** comes after another
  25,000 events; what counts is the append, because views fold what they lack while the runtime goes on, and the first of them in hand is shown beside it.
- **Memory**: the most that \`/proc/<pid>/status\` showed as \`RssAnon\`, looked at every 10 ms.
- **A thread of 100,000 items**: processes that open the journal, append 3,000 times elsewhere, then 1,000 times to the thread, then read pages.
- **p99**: one caller that appends every 2 ms; the bulk load has 8 commits of 100 events on their way.
- **Bytes written**: \`wchar\` of \`/proc/self/io\`, less that of the same life without projections; 64 callers, commits of 5, 4 snapshots.
- **Compressed** (\`compress: true\`): indexes included. The text of the real mix has the sizes of real transcripts and is made of words; real ones say the
  same things again and again, so the bar is held on those. That row is there where they lie beside the repository, and imports them first.
- **Checked**: after every run the store is read back and its items are counted.
- **Compiled** as it is published, by \`tsc\`.`

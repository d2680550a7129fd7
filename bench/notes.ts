/** What has to be known to read the table. */
import { appendingPeers, shown, slowPeers } from './stores/all.js'
import { turnlog, turnlogBlocking } from './stores/turnlog.js'

const all = [turnlog, turnlogBlocking, ...appendingPeers, ...slowPeers, ...shown]
const checks = [turnlog, ...appendingPeers, ...slowPeers, ...shown]

export const notes = `## How it was measured

- **300-byte events** and **real mix**: the built-in \`item.completed\` in a running turn, seeded. The real mix has the sizes of 194,131 records of
  real transcripts: half below 1,050 bytes, nine of ten below 6.2 KB, 99 of 100 below 50.7 KB, the largest 961 KB; text that compresses as text does.
- **Durability**, and syncs for each append of a lone caller, counted with \`strace\`, writes to what is open with \`O_DSYNC\` among them:
  ${all.map(({ name, durability, syncs }) => `${name}: ${durability}, ${syncs}`).join('; ')}. Every append is awaited.
- **Fastest peer**: of those that promise the same, the one with the best median of all rounds. hypercore does not, and is shown.
  @deepseek-ai/dsh-session-persistence-jsonl is not in the table: it needs the Zstandard of Node 22.15. emmett-sqlite now and then ends its
  process (SQLITE_BUSY, thrown where nobody can catch it) and is begun again then; with 64 callers it may do so every time, and is in no row of
  so many.
- **No store** writes and syncs as many bytes into space that is there already, for each append what a journal grew by with the same ones: what
  the disk, and the way to the thread that syncs and back, leave to everybody. The loop that encodes also packs each commit and writes all that
  wait together.
- **Encoding**: every contender stores plain MessagePack, packed and unpacked by the same library; emmett-sqlite brings its own, in JSON. Peers keep
  an index of streams.
- **Version check**: each commit says at which version its caller knows the stream to be, and is refused where it is not. What that is held against:
  ${checks.map(({ name, checks: where }) => `${name}: ${where}`).join('; ')}. The loops check nothing.
- **turnlog** judges events by their schemas; **with laws and views** is the journal as a runtime uses it: every event held against the laws, seven
  projections folded and kept on the disk while it is written; **opened again**, closed after the warm-up and opened for what counts. No peer does that.
- **A process of its own** for each contender in each round: what is compiled for one of them, and what it leaves in memory, is no concern of the others.
- **Warm-up**: some of the same appends to the same store before the clock starts, because what is compiled while it runs is slower at first;
  of scans, replays and readings of old events the second counts.
- **Appends**: as many by all, so many that the fastest store takes about a second; emmett-sqlite a tenth of them, hypercore a quarter.
- **Full scan**: the peers check nothing of what they read, turnlog and the plain file every byte. 1,000,000 small or 60,000 large events in 1,000
  streams, in commits of 5; so in all rows of reading. They were loaded 256 commits at a time, which a journal writes together and reads together;
  **loaded one commit at a time**, each is written alone.
- **Replay**: from a closed store to the session projection's rows; the results are compared. A journal does that when it is opened without
  derived state, writing the rows included; what is read of a peer is folded in memory. **Deleted derived state**: the same in a fresh process, from a
  journal with all seven projections. The list waits for the session projection alone, and that is what peers fold; the journal writes its rows to
  the disk besides, and folds the other six behind it, which is not waited for.
- **Open**: in a fresh process, from the call to a view in hand and an append on the disk. **SIGKILL** comes while 64 callers append, behind another
  25,000 events; what counts is the append, because views fold what they lack while the runtime goes on, and the first of them in hand is shown beside it.
- **Memory**: the most that \`/proc/<pid>/status\` showed as \`RssAnon\`, looked at every 10 ms.
- **A thread of 100,000 items**: grown first, until the disk has all of it (\`sync\`); then processes that open the journal, append 3,000 times
  elsewhere, then 1,000 times to the thread, then read pages. An append is the mean of the 1,000, so that what comes due only now and then counts; a
  page is the median.
- **p99**: one caller that appends every 2 ms; the bulk load has 8 commits of 100 events on their way.
- **Bytes written**: \`wchar\` of \`/proc/self/io\`, less that of the same life without projections; 64 callers, commits of 5, 4 snapshots.
- **Compressed** (\`compress: true\`): indexes included. The text of the real mix has the sizes of real transcripts and is made of words; real ones say the
  same things again and again, so the bar is held on those. That row is there where they lie beside the repository, and imports them first.
- **Checked**: after every run of appends the store is read back and the items of each stream are counted, and it has to refuse a commit that comes
  too late. Scans count their events. What replays and first lists make of the sessions is compared, whole but for their times.
- **Compiled** as it is published, by \`tsc\`.`

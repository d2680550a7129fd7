/**
 * The session that plays when no transcript is named: a tide table that is an hour wrong. Four turns, tools, something a
 * person has to allow, a question that is asked while the turn before still runs, and a task that outlives its turn.
 */
import type { Moment, Story } from './story.js'

export function sample(): Story {
  const moments = [...looking, ...mending, ...noting, ...rebuilding].map((moment, i): Moment => ({ ...moment, at: BEGAN + i * 4200 }))
  return { id: 'tidewatch', agent: 'harbour-hand', workspace: '/srv/tidewatch', moments, rows: moments.length, skipped: {} }
}

const BEGAN = Date.UTC(2026, 2, 30, 6, 12)
const asks = (text: string): Moment => ({ kind: 'prompted', input: [{ type: 'text', text }] })
const thinks = (text: string): Moment => ({ kind: 'reasoned', text })
const says = (text: string): Moment => ({ kind: 'said', text })
const calls = (callId: string, name: string, args: object): Moment => ({ kind: 'called', callId, name, arguments: args })
const gets = (callId: string, text: string, status: 'ok' | 'error' = 'ok'): Moment => ({
  kind: 'returned',
  callId,
  status,
  content: [{ type: 'text', text }],
})
const took = (input: number, output: number): Moment => ({ kind: 'measured', model: 'brackish-2', tokens: { input, output } })
const ends: Moment = { kind: 'ended', how: 'completed' }

const looking: Moment[] = [
  { kind: 'titled', title: 'High water is an hour early' },
  asks('Since Sunday the quay display shows high water an hour too early, in every port. The pilots have noticed. Can you find out why?'),
  thinks(
    'Since Sunday: that was the change to summer time. An hour, everywhere: this smells of a local time that is taken for universal time, or converted twice. I look at where the table turns instants into text before I believe it.',
  ),
  says(
    'Sunday was the night the clocks went forward, so I start where tide times become text. Let me find the code that formats them and the test that should have caught this.',
  ),
  calls('find', 'search', { pattern: 'formatTide|toLocal', path: 'src' }),
  gets('find', 'src/table.ts:41  formatTide(instant, port)\nsrc/clock.ts:12  toLocal(instant, zone)\nsrc/clock.ts:27  offsetOf(zone)'),
  calls('clock', 'read_file', { path: 'src/clock.ts' }),
  calls('table', 'read_file', { path: 'src/table.ts', from: 30, to: 60 }),
  gets(
    'table',
    'export function formatTide(instant: number, port: Port): string {\n  return hoursAndMinutes(toLocal(instant, port.zone))\n}',
  ),
  gets(
    'clock',
    '// The offset is looked up once, when the program starts.\nconst offsets = new Map(zones.map((zone) => [zone, offsetOf(zone)]))\nexport const toLocal = (instant: number, zone: string) => instant + offsets.get(zone)!',
  ),
  took(3120, 264),
  thinks(
    'There it is. The offset is looked up when the program starts and kept for as long as it runs. The display was started in February, in winter time, and has been adding the winter offset ever since. A restart would hide the fault until October.',
  ),
  calls('uptime', 'shell', { command: 'systemctl show quay-display -p ActiveEnterTimestamp' }),
  gets('uptime', 'ActiveEnterTimestamp=Tue 2026-02-10 05:40:12 UTC'),
  says(
    'Found it. `src/clock.ts` looks the offset up once, at start, and the display has been running since 10 February. It still adds the winter offset to summer tides. A restart would make the symptom go away and bring it back in October; the offset has to be asked for each instant.',
  ),
]

const mending: Moment[] = [
  { ...asks('Good. When you are through with that, please add a line to the changelog, the pilots read it.'), queued: true } as Moment,
  says('I write the test first: one tide on either side of the change of clocks, in one run of the program.'),
  calls('test', 'write_file', { path: 'test/clock.test.ts', lines: 18 }),
  gets('test', 'wrote 18 lines'),
  calls('red', 'shell', { command: 'npm test -- clock' }),
  gets('red', 'FAIL  the tide after the change of clocks\n  expected 06:48, got 05:48\n1 failed, 22 passed', 'error'),
  says('Red for the right reason: 05:48 where it should say 06:48. Now the change itself.'),
  {
    kind: 'called',
    callId: 'mend',
    name: 'edit_file',
    arguments: { path: 'src/clock.ts', replace: 'offsets.get(zone)!', by: 'offsetOf(zone, instant)' },
    asks: 'Change src/clock.ts, which the quay display runs?',
  },
  { kind: 'allowed', callId: 'mend', by: 'the harbour office' },
  gets('mend', 'changed 3 lines'),
  calls('green', 'shell', { command: 'npm test' }),
  gets('green', '23 passed'),
  took(5480, 417),
  says(
    'All 23 pass, the new one among them. The offset is now looked up for the instant that is shown, so the next change of clocks, on 25 October, needs nobody to remember it. The display has to be restarted once to run the new code.',
  ),
  ends,
]

const noting: Moment[] = [
  calls('log', 'read_file', { path: 'CHANGELOG.md', to: 12 }),
  gets('log', '# Changes\n\n## 3.4.1\n- Port of Holm: new gauge'),
  calls('note', 'edit_file', { path: 'CHANGELOG.md', after: '# Changes', lines: 3 }),
  gets('note', 'inserted 3 lines'),
  took(2210, 96),
  says(
    'The changelog now begins with 3.4.2: "Times of high and low water follow the change of clocks without a restart. Between 29 March and this version they were shown one hour early."',
  ),
  ends,
]

const task = { kind: 'task', taskId: 'rebuild-tables', title: 'Rebuild the printed tables of 8 ports' } as const
const ports = ['Holm', 'Sandvik', 'Nordhavn', 'Grey Skerry', 'Little Belt', 'Marstrand Sound', 'Oxbay', 'Tern Island']

const rebuilding: Moment[] = [
  asks(
    'The printed tables for April carry the same fault. Rebuild them for all eight ports, and tell me which ones had already gone to print.',
  ),
  thinks('Eight tables take a while, so this is a task and not one call: it can go on where it was if anything stops it half-way.'),
  says('I have put the rebuild in the queue as a task, one port after the other, and look at the print log meanwhile.'),
  { ...task, does: 'enqueued' },
  { ...task, does: 'started' },
  ...ports.slice(0, 3).map((port, i): Moment => ({ ...task, does: 'progressed', note: port, done: (i + 1) / ports.length })),
  calls('prints', 'shell', { command: 'tail -n 20 /var/log/print-room.log' }),
  gets('prints', '28 Mar  Holm      420 copies\n28 Mar  Oxbay      60 copies'),
  ...ports.slice(3).map((port, i): Moment => ({ ...task, does: 'progressed', note: port, done: (i + 4) / ports.length })),
  { ...task, does: 'completed', note: '8 tables, 248 pages' },
  took(4035, 212),
  says(
    'All eight tables are rebuilt, 248 pages. Two had already gone to print on 28 March: Holm with 420 copies and Oxbay with 60. For those I have laid a correction sheet beside the table; the other six can go to the printer as they are.',
  ),
  ends,
  asks('Thank you. That was quick.'),
  says("You are welcome. The display in the pilots' room restarts at noon, at slack water, when nobody reads it."),
  took(1180, 31),
  ends,
]

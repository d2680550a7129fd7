import { readFileSync } from 'node:fs'
import type { VerifyReport } from '../../index.js'
import { EXIT, withJournal, type Command, type Given, type OpenedJournal } from '../command.js'
import { damageTable } from '../damage-table.js'
import { defaultKeyPath, publicKey } from '../keys.js'
import { readNote, type Note } from '../note.js'
import { Progress } from '../progress.js'
import { bad, dim, good, print, printJson } from '../terminal.js'

/** Checks every byte and says what does not check. */
export const verify: Command = {
  name: 'verify',
  takes: ['<dir>'],
  says: "Read every byte of a journal and say what does not check.\nChanges nothing. Exits with 3 when the journal is damaged; a bad snapshot file alone is no damage, it is only derived. With --since, exits with 1 when today's history does not go on from what was signed.",
  options: {
    snapshots: { type: 'boolean', says: 'fold the journal again and say where it differs from a snapshot; name those that are fine, too' },
    since: { type: 'string', value: 'NOTE', says: 'prove that the journal goes on from a note that turnlog sign printed (a file)' },
    key: { type: 'string', value: 'KEY', says: 'who signed it: a file, or the public key itself (what turnlog keygen made)' },
  },
  examples: ['verify ./.turnlog', 'verify ./.turnlog --snapshots --json', 'verify ./.turnlog --since note --key ~/keys/ci.pub'],
  run: (given) =>
    withJournal(given, async (journal) => {
      const note = noteOf(given)
      const progress = new Progress('checking', 'bytes')
      const report = await checked(journal, given.options['snapshots'] === true, note, progress)
      progress.end()
      if (given.json) printJson(note === undefined ? report : { ...report, signedBy: note.signedBy })
      else tell(report, given.options['snapshots'] === true, note)
      if (!report.ok) return EXIT.damage
      return report.since?.ok === false ? EXIT.failed : EXIT.fine
    }),
}

/** The note to hold the journal to, with its signature checked. */
function noteOf({ options: { since, key } }: Given): Note | undefined {
  if (typeof since !== 'string') return undefined
  return readNote(readFileSync(since, 'utf8'), publicKey(String(key ?? `${defaultKeyPath()}.pub`)))
}

async function checked(journal: OpenedJournal, snapshots: boolean, note: Note | undefined, progress: Progress): Promise<VerifyReport> {
  const { position, digest, id } = note ?? { id: journal.id }
  const since = position === undefined || digest === undefined ? {} : { since: { position, digest } }
  const report = await journal.verify({ snapshots, ...since, progress: (done, total) => progress.show(done, total) })
  if (id === journal.id || report.since === undefined) return report
  return { ...report, since: { ...report.since, ok: false, reason: `the note speaks of another journal (${id})` } }
}

function tell(
  { ok, position, digest, commits, events, damage, gaps, snapshots, since }: VerifyReport,
  all: boolean,
  note: Note | undefined,
): void {
  print(`${ok ? good('ok') : bad('damaged')}  ${events} events in ${commits} commits, up to position ${position}`)
  print(dim(`digest ${digest}`))
  if (damage.length > 0) print(damageTable('damage', damage))
  if (gaps.length > 0) print(damageTable('lost', gaps))
  for (const { file, ok: fine, reason } of snapshots) {
    if (!fine) print(`${bad('refused')}  ${file}: ${reason}`)
    else if (all) print(`${good('ok')}  ${file}${reason === undefined ? '' : dim(`  ${reason}`)}`)
  }
  if (since === undefined || note === undefined) return
  const what = `position ${since.position}, as signed by ${note.signedBy}`
  print(since.ok ? `${good('proven')}  the journal goes on from ${what}` : `${bad('not proven')}  ${what}: ${since.reason}`)
}

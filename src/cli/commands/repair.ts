import { planRepair, repair as carryOut, type RepairPlan } from '../../index.js'
import { EXIT, type Command } from '../command.js'
import { damageTable } from '../damage-table.js'
import { Progress } from '../progress.js'
import { bad, dim, good, print, printJson } from '../terminal.js'

/** Makes a damaged journal whole again. */
export const repair: Command = {
  name: 'repair',
  takes: ['<dir>'],
  says: 'Make a damaged journal take appends again.\nWhat cannot be read is copied to quarantine/ and written down as lost; nothing that is there is changed. Derived files that do not check are removed, and come back; so are files that a dead process left half written. Says what it would do first; with --dry-run that is all, and works beside the runtime that writes. A second run finds nothing.\nMake a copy of the directory first if you can. What cannot be repaired here can be salvaged.',
  options: {
    'dry-run': { type: 'boolean', says: 'say what would be done, and change nothing' },
    plan: { type: 'string', value: 'STATE', says: 'only if the journal is still as that dry run found it' },
  },
  leaves: 'nothing that was readable is lost; the same command goes on',
  examples: ['repair ./.turnlog --dry-run', 'repair ./.turnlog'],
  async run({ arguments: [directory = ''], options, json }) {
    const plan = await looked(directory, 'checking')
    const dry = options['dry-run'] === true
    const bound = typeof options['plan'] === 'string' ? { ...plan, state: options['plan'] } : plan
    if (!json) tell(plan, dry)
    if (dry || isWell(plan)) {
      if (json) printJson(dry ? { plan } : { plan, gaps: [] })
      return dry && !isWell(plan) ? EXIT.damage : EXIT.fine
    }
    const gaps = await carryOut(directory, bound)
    const after = await looked(directory, 'checking again')
    if (json) printJson({ plan, gaps, after })
    else tellAfter(after, gaps.length > 0)
    return isWell(after) ? EXIT.fine : EXIT.damage
  },
}

async function looked(directory: string, says: string): Promise<RepairPlan> {
  const progress = new Progress(says, 'bytes')
  const plan = await planRepair(directory, { progress: (done, total) => progress.show(done, total) })
  progress.end()
  return plan
}

const isWell = ({ damage, format, chores }: RepairPlan): boolean => damage.length === 0 && !format && chores.length === 0

function tellAfter(after: RepairPlan, lost: boolean): void {
  const kept = lost ? `what is lost is written down; what was there of it is kept in ${after.directory}/quarantine; ` : ''
  if (isWell(after)) return print(`${good('repaired')}  ${kept}a second look finds nothing`)
  print(`${bad('not all of it')}  ${kept}a second look finds this:`)
  tell(after, false)
}

function tell(plan: RepairPlan, dry: boolean): void {
  const { damage, format, chores, state } = plan
  if (isWell(plan)) return print(`${good('ok')}  there is nothing to repair`)
  if (format) print('FORMAT says nothing, and is written again.')
  if (damage.length > 0) print(damageTable('lost', damage))
  for (const { kind, file, reason } of chores) print(`${DONE[kind]}  ${file}: ${reason}`)
  if (dry) print(dim(`state ${state}`))
}

/** What becomes of what costs no event. */
const DONE = { end: 'proven  ', index: 'remade  ', snapshot: 'removed ', derived: 'removed ', leftover: 'removed ' } as const

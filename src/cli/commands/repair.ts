import { planRepair, repair as carryOut, type RepairPlan } from '../../index.js'
import { EXIT, type Command } from '../command.js'
import { damageTable } from '../damage-table.js'
import { dim, good, print, printJson, Progress } from '../terminal.js'

/** Makes a damaged journal whole again. */
export const repair: Command = {
  name: 'repair',
  takes: ['<dir>'],
  says: 'Make a damaged journal take appends again.\nWhat cannot be read is copied to quarantine/ and written down as lost; nothing that is there is changed. Derived files that do not check are removed, and come back; so are files that a dead process left half written. Says what it would do first; with --dry-run that is all, and works beside the runtime that writes. A second run finds nothing.\nMake a copy of the directory first if you can. What cannot be repaired here can be salvaged.',
  options: {
    'dry-run': { type: 'boolean', says: 'say what would be done, and change nothing' },
    plan: { type: 'string', value: 'STATE', says: 'only if the journal is still as that dry run found it' },
  },
  examples: ['repair ./.turnlog --dry-run', 'repair ./.turnlog'],
  async run({ arguments: [directory = ''], options, json }) {
    const progress = new Progress('checking')
    const plan = await planRepair(directory, { progress: (done, total) => progress.show(done, total) })
    progress.end()
    const dry = options['dry-run'] === true
    const bound = typeof options['plan'] === 'string' ? { ...plan, state: options['plan'] } : plan
    if (!json) tell(plan, dry)
    const gaps = dry ? [] : await carryOut(directory, bound)
    const well = plan.damage.length === 0 && !plan.format && plan.chores.length === 0
    if (json) printJson(dry ? { plan } : { plan, gaps })
    else if (!dry && !well)
      print(
        `${good('repaired')}${gaps.length === 0 ? '' : `  what is lost is written down; what was there of it is kept in ${directory}/quarantine`}`,
      )
    return dry && !well ? EXIT.damage : EXIT.fine
  },
}

function tell({ damage, format, chores, state }: RepairPlan, dry: boolean): void {
  if (damage.length === 0 && !format && chores.length === 0) return print(`${good('ok')}  there is nothing to repair`)
  if (format) print('FORMAT says nothing, and is written again.')
  if (damage.length > 0) print(damageTable('lost', damage))
  for (const { kind, file, reason } of chores) print(`${DONE[kind]}  ${file}: ${reason}`)
  if (dry) print(dim(`state ${state}`))
}

/** What becomes of what costs no event. */
const DONE = { end: 'proven  ', index: 'remade  ', snapshot: 'removed ', derived: 'removed ', leftover: 'removed ' } as const

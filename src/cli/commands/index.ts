/** The commands, in the order in which the help shows them. */
import type { Command } from '../command.js'
import { backup } from './backup.js'
import { completing } from './completion.js'
import { demo } from './demo.js'
import { doctor } from './doctor.js'
import { dump } from './dump.js'
import { exporting } from './export.js'
import { importing } from './import.js'
import { keygen } from './keygen.js'
import { repair } from './repair.js'
import { restore } from './restore.js'
import { salvage } from './salvage.js'
import { freeze } from './freeze.js'
import { search } from './search.js'
import { sessions } from './sessions.js'
import { show } from './show.js'
import { sign } from './sign.js'
import { snapshot } from './snapshot.js'
import { stats } from './stats.js'
import { tail } from './tail.js'
import { tasks } from './tasks.js'
import { upgrade } from './upgrade.js'
import { verify } from './verify.js'

export const commands: readonly Command[] = [
  demo,
  importing,
  sessions,
  show,
  search,
  exporting,
  tasks,
  tail,
  stats,
  doctor,
  verify,
  repair,
  salvage,
  backup,
  restore,
  dump,
  sign,
  keygen,
  snapshot,
  upgrade,
  freeze,
  completing(() => commands),
]

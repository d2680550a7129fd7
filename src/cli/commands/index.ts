/** The commands, in the order in which the help shows them. */
import type { Command } from '../command.js'
import { demo } from './demo.js'
import { freeze } from './freeze.js'
import { sessions } from './sessions.js'
import { show } from './show.js'
import { snapshot } from './snapshot.js'
import { stats } from './stats.js'
import { tail } from './tail.js'
import { tasks } from './tasks.js'
import { upgrade } from './upgrade.js'
import { verify } from './verify.js'

export const commands: readonly Command[] = [demo, sessions, show, tasks, tail, stats, verify, snapshot, upgrade, freeze]

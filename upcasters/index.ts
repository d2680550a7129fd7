/** The past: every step from an old schema to the next, by type. */
import type { Upcaster } from '../src/define.js'
import { toolFinished1to2 } from './tool-finished-1-to-2.js'
import { turnCompleted1to2 } from './turn-completed-1-to-2.js'

export { toolFinished1to2, turnCompleted1to2 }

export const upcasters: readonly Upcaster[] = [toolFinished1to2, turnCompleted1to2]

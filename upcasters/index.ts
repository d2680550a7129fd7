/** The past: every step from an old schema to the next, by type. */
import { toolFinished1to2 } from './tool-finished-1-to-2.js'
import { turnCompleted1to2 } from './turn-completed-1-to-2.js'

export { toolFinished1to2, turnCompleted1to2 }

export const upcasters = [toolFinished1to2, turnCompleted1to2] as const

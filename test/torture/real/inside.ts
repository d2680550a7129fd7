/** What a layer has inside its room, and when it has done enough. */
import { isOver } from './asking.js'
import type { Random } from './random.js'
import type { Found, Order } from './room.js'

export interface Inside extends Order {
  /** Where the compiled programs are. */
  programs: string
  chance: Random
}

/** To be asked before each round. */
export async function isEnough({ rounds, faults }: Found): Promise<boolean> {
  return faults.length > 0 || (await isOver(rounds))
}

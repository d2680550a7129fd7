/** More than a screen of text, through the person's pager, as git does it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { whileLeftToOthers } from './interrupt.js'
import { toOutput } from './output.js'
import { screenWidth, wide } from './terminal.js'

/** Such a shell finds no such program. */
const NOT_FOUND = 127

/** Prints a text; on a terminal that it does not fit on, through `$PAGER` (less), unless that is `cat` or nothing. */
export async function paged(text: string, mayPage: boolean): Promise<void> {
  const pager = process.env['PAGER'] ?? 'less'
  const rows = text.split('\n').reduce((sum, line) => sum + Math.max(1, Math.ceil(wide(line) / screenWidth())), 0)
  if (!mayPage || !process.stdout.isTTY || rows < process.stdout.rows || pager === '' || pager === 'cat' || !(await through(pager, text)))
    await toOutput(`${text}\n`)
}

/** Whether there is such a pager. */
async function through(pager: string, text: string): Promise<boolean> {
  const env = { LESS: 'FRX', LV: '-c', ...process.env }
  const child = spawn(pager, { shell: true, stdio: ['pipe', 'inherit', 'ignore'], env })
  // Whoever has read enough leaves before the end.
  child.stdin.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
  child.stdin.end(`${text}\n`)
  const [code] = (await whileLeftToOthers(once(child, 'close'))) as [number | null]
  return code !== NOT_FOUND
}

/** The importers, in the order in which they are asked whose a file is: the particular before the general. */
import type { Importer } from './importer.js'
import { agentmux } from './kinds/agentmux/importer.js'
import { antigravity } from './kinds/antigravity.js'
import { chatLines } from './kinds/chat-lines.js'
import { claudeCode } from './kinds/claude-code.js'
import { codewhale } from './kinds/codewhale/importer.js'
import { codex } from './kinds/codex/importer.js'
import { copilot } from './kinds/copilot.js'
import { cursor } from './kinds/cursor.js'
import { droid } from './kinds/droid.js'
import { dsh } from './kinds/dsh.js'
import { gemini } from './kinds/gemini.js'
import { grok } from './kinds/grok.js'
import { hermes } from './kinds/hermes.js'
import { hermesWebui } from './kinds/hermes-webui/importer.js'
import { kimi } from './kinds/kimi.js'
import { openclaw } from './kinds/openclaw.js'
import { opencode } from './kinds/opencode.js'
import { pi } from './kinds/pi.js'
import { qwen } from './kinds/qwen.js'
import { turnlog } from './kinds/turnlog.js'
import { zeroclaw } from './kinds/zeroclaw/importer.js'

export const importers: readonly Importer[] = [
  turnlog,
  ...[codewhale, agentmux, zeroclaw, hermes, hermesWebui],
  ...[opencode, dsh, openclaw, pi, codex, copilot, grok, kimi, qwen, gemini, antigravity, droid, claudeCode, cursor, chatLines],
]

/** The importers, in the order in which they are asked whose a file is. */
import type { Importer } from './importer.js'
import { claudeCode } from './kinds/claude-code.js'
import { agentmux } from './kinds/agentmux/importer.js'
import { codewhale } from './kinds/codewhale/importer.js'
import { hermesWebui } from './kinds/hermes-webui/importer.js'
import { pi } from './kinds/pi.js'
import { zeroclaw } from './kinds/zeroclaw/importer.js'

export const importers: readonly Importer[] = [codewhale, agentmux, zeroclaw, hermesWebui, claudeCode, pi]

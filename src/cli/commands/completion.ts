import { EXIT, type Command } from '../command.js'
import { bash } from '../completion/bash.js'
import { fish } from '../completion/fish.js'
import { zsh } from '../completion/zsh.js'
import { printJson } from '../terminal.js'

const SHELLS: Readonly<Record<string, (commands: readonly Command[]) => string>> = { bash, zsh, fish }

/** Teaches a shell the commands. It is one of them, so they are asked for when it runs. */
export function completing(commands: () => Promise<readonly Command[]>): Command {
  return {
    name: 'completion',
    takes: ['<shell>'],
    choices: Object.keys(SHELLS),
    says:
      'Print what teaches a shell to complete commands, options and their values with the tab key.\n' +
      `The shell is one of ${Object.keys(SHELLS).join(', ')}. What is printed follows from the commands that this version has.`,
    options: {},
    examples: [
      'completion bash >> ~/.bashrc',
      'completion zsh > "${fpath[1]}/_turnlog"',
      'completion fish > ~/.config/fish/completions/turnlog.fish',
    ],
    async run({ arguments: [shell = ''], json }) {
      const script = SHELLS[shell]?.(await commands()) ?? ''
      if (json) printJson({ shell, script })
      else process.stdout.write(script)
      return EXIT.fine
    },
  }
}

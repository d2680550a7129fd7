/** Runs one function of one module: `child.js <module> <function> <arguments as JSON>`. See `inChild`. */
const [module = '', name = '', args = '[]'] = process.argv.slice(2)
type Task = (...given: unknown[]) => Promise<unknown>

const functions = (await import(module)) as Record<string, Task>
const told = await (functions[name] as Task)(...(JSON.parse(args) as unknown[])).then(
  (result) => ({ result }),
  (error: unknown) => ({ failed: error instanceof Error ? String(error.stack) : String(error) }),
)
process.send?.(told, () => process.disconnect?.())

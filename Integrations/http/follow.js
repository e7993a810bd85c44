// Follows logs over HTTP as server-sent events, in browsers and in Node 18 or later. EventSource cannot send a token;
// fetch can. See docs/http-clients.md.

/** What the server refuses: a problem as RFC 9457 has it, with the code of spec/errors.md. */
export class LogsError extends Error {
  constructor(problem) {
    super(problem.detail ?? problem.title ?? 'the server refused')
    this.status = problem.status
    this.code = problem.code
    this.retryable = problem.retryable ?? false
  }
}

/**
 * Gives each event: `{name, id, data}`, where `name` is log, live, skipped or heartbeat. Ends with the stream.
 *
 * Goes on behind the last event when the connection breaks, without a hole or a double: `reconnect` times in a row (for
 * ever unless it is given), after 2 s, 4 s and so on up to 30 s. The count begins anew with the first log that comes.
 * `onState` hears of it.
 *
 * @param {string} url like https://logs.example.com/api/v1/streams/web/follow?last=100
 * @throws {LogsError} when the server refuses for good, or `Max retries reached`
 */
export async function* follow(
  url, { token, after, reconnect = Infinity, delay = 2000, signal, onState = () => {} } = {}) {
  let id = after
  let attempt = 0
  while (!signal?.aborted) {
    let wait = 0
    try {
      const headers = { Accept: 'text/event-stream' }
      if (token) headers.Authorization = `Bearer ${token}`
      if (id) headers['Last-Event-ID'] = id
      const answer = await fetch(url, { headers, signal })
      if (!answer.ok) {
        wait = 1000 * Number(answer.headers.get('Retry-After') ?? 0)
        throw new LogsError(await answer.json().catch(() => ({ status: answer.status, retryable: answer.status >= 500 })))
      }
      onState('Streaming...')
      for await (const event of events(answer.body)) {
        if (event.id) id = event.id
        if (event.name === 'complete') return
        if (event.name === 'timeout') break
        if (event.name === 'error') throw new LogsError(event.data)
        if (event.name === 'log') attempt = 0
        yield event
      }
    } catch (error) {
      if (signal?.aborted) return
      if (error instanceof LogsError && !error.retryable) throw error
    }
    attempt += 1
    if (attempt > reconnect) throw new Error('Max retries reached')
    onState(reconnect === Infinity ? `Reconnecting... (${attempt})` : `Reconnecting... (${attempt}/${reconnect})`)
    await new Promise(resolve => setTimeout(resolve, Math.max(wait, Math.min(delay * attempt, 30000))))
  }
}

/** Cuts a body into events. */
async function* events(body) {
  const decoder = new TextDecoder()
  const reader = body.getReader()
  let text = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      text += decoder.decode(value, { stream: true })
      for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
        const fields = Object.fromEntries(
          text.slice(0, end).split('\n').map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]))
        if (fields.event) yield { name: fields.event, id: fields.id, data: JSON.parse(fields.data) }
      }
    }
  } finally {
    reader.cancel().catch(() => {})
  }
}

/**
 * Keeps what a page shows of a followed stream: `{logs, isStreaming, status, error}`, the last `limit` logs. `onChange`
 * gets each new state; the function that is returned ends it.
 */
export function watch(url, options, onChange, limit = 1000) {
  const stop = new AbortController()
  let state = { logs: [], isStreaming: false, status: '', error: null }
  const set = change => onChange((state = { ...state, ...change }))
  const onState = status => set({ status, isStreaming: status === 'Streaming...' })
  const run = async () => {
    try {
      for await (const { name, data } of follow(url, { ...options, signal: stop.signal, onState })) {
        if (name === 'log') set({ logs: [...state.logs, data].slice(-limit) })
      }
      set({ isStreaming: false, status: stop.signal.aborted ? '' : 'Complete' })
    } catch (error) {
      set({ isStreaming: false, status: error.message, error })
    }
  }
  run()
  return () => stop.abort()
}

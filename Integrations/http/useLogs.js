// A hook for React: const { logs, isStreaming, status, error } = useLogs('/api/v1/streams/web/follow', { token })
import { useEffect, useState } from 'react'
import { watch } from './follow.js'

export function useLogs(url, { token, reconnect } = {}) {
  const [state, setState] = useState({ logs: [], isStreaming: false, status: '', error: null })
  useEffect(() => watch(url, { token, reconnect }, setState), [url, token, reconnect])
  return state
}

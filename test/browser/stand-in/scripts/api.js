// The part of ComfyUI's `api` object that extensions are promised: events of the socket by their type.
class Api extends EventTarget {
  connect() {
    this.socket = new WebSocket(new URL('ws', location.href.replace(/^http/, 'ws')))
    this.socket.binaryType = 'arraybuffer'
    this.socket.onopen = () =>
      this.socket.send(JSON.stringify({ type: 'feature_flags', data: { supports_preview_metadata: true } }))
    return new Promise(resolve => {
      this.socket.onmessage = ({ data }) => {
        if (typeof data !== 'string') return
        const message = JSON.parse(data)
        if (message.data.sid) resolve((this.clientId = message.data.sid))
        this.dispatchEvent(new CustomEvent(message.type, { detail: message.data }))
      }
    })
  }
}
export const api = new Api()

// Requests to a node, each over a connection that is kept.

import { randomBytes } from 'node:crypto'
import { Agent, request } from 'node:http'
import { createConnection } from 'node:net'

const agent = new Agent({ keepAlive: true })

/** Sends; gives status, headers and text once all of the answer is there. */
export function send(address, { method = 'GET', headers = {}, body } = {}) {
  const bytes = body === undefined ? undefined : JSON.stringify(body)
  const more = bytes === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(bytes) }
  return new Promise((done, failed) => {
    const sent = request(address, { method, agent, headers: { ...more, ...headers } }, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (part) => (text += part))
      answer.on('end', () => done({ status: answer.statusCode, headers: answer.headers, text }))
      answer.on('error', failed)
    })
    sent.setTimeout(10_000, () => sent.destroy(new Error(`${address}: no answer`)))
    sent.on('error', failed)
    sent.end(bytes)
  })
}

/** What the kiosk's page posts. */
export async function tellKiosk(page, path, body = {}) {
  const { origin } = new URL(page)
  const answer = await send(new URL(path, page), { method: 'POST', headers: { origin }, body })
  if (answer.status >= 300) throw new Error(`${path}: ${answer.status} ${answer.text}`)
}

/** One of a node's metrics. */
export async function metric(ops, name) {
  const { text } = await send(`http://${ops}/metrics`)
  const found = new RegExp(`^poste_${name} (\\d+)$`, 'm').exec(text)
  if (!found) throw new Error(`no metric ${name}`)
  return Number(found[1])
}

/** A node's status, from its control socket. */
export function status(dataDir) {
  return new Promise((done, failed) => {
    const socket = createConnection(`${dataDir}/control.sock`)
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (part) => (text += part))
    socket.on('end', () => {
      try {
        done(JSON.parse(text).status)
      } catch (error) {
        failed(error)
      }
    })
    socket.on('error', failed)
    socket.write('{"do":"status"}\n')
  })
}

/** An operator at a console, without a page. */
export class Operator {
  static async signIn(page, { name, password }) {
    const operator = new Operator()
    operator.page = page
    operator.headers = { origin: new URL(page).origin }
    const answer = await operator.post('login', { login: name, password }, false)
    const cookie = answer.headers['set-cookie']?.[0]?.split(';')[0]
    if (!cookie) throw new Error('no cookie')
    operator.headers.cookie = cookie
    return operator
  }

  async post(path, body, isIntent = true) {
    const request = isIntent ? { request: randomBytes(16).toString('hex') } : {}
    const address = new URL(`/api/v1/${path}`, this.page)
    const answer = await send(address, { method: 'POST', headers: this.headers, body: { ...request, ...body } })
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.text}`)
    return answer
  }

  /** Issues a code; gives its session and its text. */
  async issue(seconds) {
    return JSON.parse((await this.post('codes', { seconds })).text).issued
  }

  /** Issues codes, a sheet at a time. */
  async issueMany(count, seconds) {
    const issued = []
    while (issued.length < count) {
      const sheet = { count: Math.min(200, count - issued.length), seconds }
      issued.push(...JSON.parse((await this.post('codes/batch', sheet)).text).issued)
    }
    return issued
  }
}

// The screen of a kiosk. Everything shown comes from the node on this machine: `GET /live` tells
// what to show, the countdown between two messages is drawn here on the monotonic clock.

const FR = {
  comfort: 'Confort de lecture', smaller: 'A−, texte plus petit', larger: 'A+, texte plus grand', contrast: 'Contraste',
  voice: 'Lire à voix haute', otherLanguage: 'English', waiting: 'Le poste démarre…', welcome: 'Ce poste est libre',
  code: 'Votre code d’accès', example: 'Par exemple : K7QM-2XPD', open: 'Ouvrir', opening: 'Ouverture…',
  notice: 'À la fin, tout ce que vous avez laissé sur ce poste est effacé.', left: 'Temps restant', end: 'Fin à {time}',
  ask: 'Demander du temps', asked: 'Votre demande est partie. Un agent va la voir.', fold: 'Réduire', unfold: 'Agrandir',
  finish: 'Terminer', paused: 'Votre session est en pause', pausedHelp: 'Votre temps ne s’écoule pas. Un agent peut la reprendre.',
  out: 'Ce poste est hors service', outHelp: 'Prenez un autre poste, ou demandez à l’accueil.', call: 'Appeler un agent',
  called: 'Un agent est prévenu.', message: 'Message de l’équipe', read: 'J’ai lu', leave: 'Terminer votre session ?',
  leaveHelp: 'Le temps qui reste est gardé sur votre code. Ce que vous avez laissé sur ce poste est effacé.', stay: 'Rester',
  cleaning: 'Nettoyage du poste', warning: 'Il reste {time}. Enregistrez votre travail.', minute: '{n} minute', minutes: '{n} minutes',
  alone: 'Réseau indisponible, votre temps continue normalement.', aloneLocked: 'Réseau indisponible. Un code peut tout de même être accepté.',
  silent: 'Le poste se reconnecte. Votre temps continue normalement.', opened: 'Session ouverte. Il vous reste {time}.',
  expired: 'Votre temps est écoulé', finished: 'Session terminée', staff: 'Session fermée par l’équipe',
  freed: 'L’équipe a libéré ce poste. Votre code garde le temps qui reste.', displaced: 'Votre session continue sur un autre poste',
  cutOff: 'Ce poste est sans réseau. Votre code garde le temps qui reste.', save: 'Enregistrez votre travail maintenant.',
  cleaningNow: 'Le poste se nettoie, un instant…', empty: 'Tapez votre code d’accès.',
  unknown_code: 'Ce code n’est pas connu. Vérifiez-le et recommencez.', code_expired: 'Ce code n’est plus valable. Demandez-en un autre à l’accueil.',
  code_not_yet_valid: 'Ce code n’est pas encore valable.', code_withdrawn: 'Ce code a été retiré. Demandez à l’accueil.',
  used_up: 'Il ne reste plus de temps sur ce code.', session_closed: 'Cette session a été fermée. Demandez à l’accueil.',
  wrong_place: 'Ce code est pour un autre poste ou une autre salle.', open_elsewhere: 'Ce code est déjà ouvert sur : {kiosk}.',
  kiosk_in_use: 'Ce poste est déjà occupé.', out_of_service: 'Ce poste est hors service.',
  isolated: 'Ce poste est sans réseau et ne peut pas ouvrir ce code. Essayez-en un autre.',
  throttled: 'Trop d’essais. Attendez {time} avant de recommencer.', not_joined: 'Ce poste n’est pas encore prêt. Demandez à l’accueil.',
  failed: 'Le poste n’a pas répondu. Réessayez dans un instant.', refused: 'Ce n’est pas possible maintenant.', second: '{n} seconde', seconds: '{n} secondes',
}
const EN = {
  comfort: 'Reading comfort', smaller: 'A−, smaller text', larger: 'A+, larger text', contrast: 'Contrast',
  voice: 'Read aloud', otherLanguage: 'Français', waiting: 'The computer is starting…', welcome: 'This computer is free',
  code: 'Your access code', example: 'For example: K7QM-2XPD', open: 'Open', opening: 'Opening…',
  notice: 'At the end, everything you left on this computer is wiped.', left: 'Time left', end: 'Ends at {time}',
  ask: 'Ask for time', asked: 'Your request is on its way. Staff will see it.', fold: 'Make small', unfold: 'Make large',
  finish: 'Finish', paused: 'Your session is paused', pausedHelp: 'Your time is not running. Staff can resume it.',
  out: 'This computer is out of service', outHelp: 'Take another one, or ask at the desk.', call: 'Call staff',
  called: 'Staff have been told.', message: 'Message from staff', read: 'I have read it', leave: 'Finish your session?',
  leaveHelp: 'The time left stays on your code. What you left on this computer is wiped.', stay: 'Stay',
  cleaning: 'Cleaning the computer', warning: '{time} left. Save your work.', minute: '{n} minute', minutes: '{n} minutes',
  alone: 'Network unavailable, your time goes on normally.', aloneLocked: 'Network unavailable. A code may be accepted all the same.',
  silent: 'This computer is reconnecting. Your time goes on normally.', opened: 'Session open. You have {time} left.',
  expired: 'Your time is up', finished: 'Session finished', staff: 'Session closed by staff',
  freed: 'Staff freed this computer. Your code keeps the time left.', displaced: 'Your session goes on at another computer',
  cutOff: 'This computer has no network. Your code keeps the time left.', save: 'Save your work now.',
  cleaningNow: 'The computer is being cleaned, one moment…', empty: 'Type your access code.',
  unknown_code: 'This code is not known. Check it and try again.', code_expired: 'This code is no longer valid. Ask for another one at the desk.',
  code_not_yet_valid: 'This code is not valid yet.', code_withdrawn: 'This code was withdrawn. Ask at the desk.',
  used_up: 'No time is left on this code.', session_closed: 'This session was closed. Ask at the desk.',
  wrong_place: 'This code is for another computer or room.', open_elsewhere: 'This code is already open on: {kiosk}.',
  kiosk_in_use: 'This computer is already in use.', out_of_service: 'This computer is out of service.',
  isolated: 'This computer has no network and cannot open this code. Try another one.',
  throttled: 'Too many tries. Wait {time} before the next one.', not_joined: 'This computer is not ready yet. Ask at the desk.',
  failed: 'The computer did not answer. Try again in a moment.', refused: 'This is not possible now.', second: '{n} second', seconds: '{n} seconds',
}

const FACES = ['waiting', 'locked', 'running', 'paused', 'ended', 'out_of_service']
/** Why a session ended, and the sentence that says so. */
const CAUSES = { expired: 'expired', staff: 'staff', freed: 'freed', displaced: 'displaced', isolated: 'cutOff' }
const SILENT_AFTER_MS = 12_000
const RECONNECT_MS = 1_000
const LARGEST = 2

/** @param {string} id */
const at = (id) => document.getElementById(id)

let language = 'fr'
let size = 0
let voice = false
let socket
/** The last screen told, and when it came on the monotonic clock. */
let screen = { state: 'waiting' }
let arrived = performance.now()
let heard = arrived
let connected = arrived
/** What was remaining when the session's bar was full. */
let full = 0
let warned
let refusal
let waiting = false
let busy = false
let folded = false
let acknowledging

/** The sentence of this name, its places filled in. */
function say(name, values = {}) {
  const table = language === 'fr' ? FR : EN
  const sentence = table[name] ?? table.refused
  const filled = sentence.replace(/\{(\w+)\}/g, (_, place) => values[place] ?? '')
  return language === 'fr' ? filled.replace(/ ([:;!?])/g, '\u00a0$1') : filled
}
const count = (n, one, many) => say(n < 2 ? one : many, { n })
const inWords = (ms) => (ms > 90_000 ? count(Math.ceil(ms / 60_000), 'minute', 'minutes') : count(Math.ceil(ms / 1000), 'second', 'seconds'))

/** `1:02:07` or `42:07`, rounded up: `0:00` means over. */
function clock(ms) {
  const seconds = Math.ceil(ms / 1000)
  const two = (n) => String(n).padStart(2, '0')
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}

/** Writes only what changes, so that nothing is read aloud twice. */
function put(id, words) {
  const element = at(id)
  if (element.textContent !== words) element.textContent = words
}
const show = (id, yes) => { at(id).hidden = !yes }

/** Says it to whoever listens: screen readers, and the voice if it was asked for. */
function speak(words) {
  put('spoken', words)
  if (!voice) return
  const speech = new SpeechSynthesisUtterance(words)
  speech.lang = language
  speechSynthesis.cancel()
  speechSynthesis.speak(speech)
}

const passed = () => performance.now() - arrived
const remaining = () => Math.max(0, (screen.remaining_ms ?? 0) - (screen.state === 'running' ? passed() : 0))

/** The least warning reached: as told, or by our own reckoning when the node is silent. */
function warning(left, silent) {
  return silent ? [1, 2, 5, 10].find((minutes) => left <= minutes * 60_000) : screen.warning_min ?? undefined
}

/** Everything that moves with time; about four times a second, and after every change. */
function draw() {
  const left = remaining()
  const silent = performance.now() - heard > SILENT_AFTER_MS
  const inSession = screen.state === 'running' || screen.state === 'paused'
  put('strip', silent ? (screen.state === 'waiting' ? '' : say('silent')) : screen.alone ? say(inSession ? 'alone' : 'aloneLocked') : '')

  if (screen.state === 'running') {
    put('time', clock(left))
    const part = Math.round((200 * left) / Math.max(1, full)) / 200
    at('bar').firstElementChild.style.setProperty('--part', String(Math.min(1, part)))
    const now = screen.as_of_ms === undefined ? Date.now() : screen.as_of_ms + passed()
    put('end', say('end', { time: new Date(now + left).toLocaleTimeString(language, { hour: '2-digit', minute: '2-digit' }) }))
    const minutes = warning(left, silent)
    show('warning', minutes !== undefined)
    if (minutes !== undefined) {
      put('warning', say('warning', { time: minutes > 1 ? inWords(Math.ceil(left / 60_000) * 60_000) : inWords(left) }))
    }
    if (minutes !== undefined && (warned === undefined || minutes < warned)) {
      unfold()
      speak(say('warning', { time: count(minutes, 'minute', 'minutes') }))
    }
    warned = minutes
  }
  if (screen.state === 'paused') put('kept', clock(left))
  if (screen.state === 'ended') {
    const grace = Math.max(0, (screen.ends?.grace_ms ?? 0) - passed())
    put('grace', grace > 0 ? clock(grace) : '')
    put('save', say(grace > 0 ? 'save' : 'cleaningNow'))
    show('cleaning', grace === 0)
  }
  const wait = Math.max(0, (refusal?.until ?? 0) - performance.now(), (screen.wait_ms ?? 0) - passed())
  at('enter').disabled = busy || wait > 0
  // The alert is spoken once; the figure that follows goes down in silence.
  if (wait > 0) put('enter', `${say('open')} (${Math.ceil(wait / 1000)})`)
  const over = waiting && wait === 0
  waiting = wait > 0
  if (waiting && refusal?.name !== 'throttled' && !busy) refuse('throttled', { first: refusal?.name }, wait / 1000)
  if (over) refuse()
}

/** Everything that changes with a new screen or another language. */
function render() {
  document.documentElement.lang = language
  for (const element of document.querySelectorAll('[data-t]')) element.textContent = say(element.dataset.t)
  for (const element of document.querySelectorAll('[data-label]')) element.setAttribute('aria-label', say(element.dataset.label))
  at('language').lang = language === 'fr' ? 'en' : 'fr'
  put('site', screen.site ?? '')
  if (screen.kiosk) put('kiosk', screen.kiosk)
  document.title = [screen.kiosk, screen.site].filter(Boolean).join(' · ') || 'Poste'
  const face = FACES.includes(screen.state) ? screen.state : 'waiting'
  for (const id of FACES) show(id, id === face)
  show('ask', screen.may_ask === true)
  show('call', screen.may_call === true)
  put('fold', say(folded ? 'unfold' : 'fold'))
  put('enter', say(busy ? 'opening' : 'open'))
  const { name, values, ms } = refusal ?? {}
  const sentences = [values?.first, name].filter(Boolean)
  put('refusal', sentences.map((one) => say(one, { ...values, time: inWords(ms) })).join(' '))
  at('code').setAttribute('aria-invalid', String(refusal !== undefined))
  put('cause', say(CAUSES[screen.ends?.cause] ?? 'finished'))
  renderMessage()
  draw()
}

/** Staff's message stays until it was read; Escape does not take it away. */
function renderMessage() {
  const first = (screen.messages ?? []).find((message) => idOf(message) !== acknowledging)
  const dialog = at('message')
  if (first === undefined) {
    if (dialog.open) dialog.close()
    return
  }
  put('message-text', typeof first === 'string' ? '' : first.text ?? '')
  dialog.dataset.id = idOf(first)
  if (dialog.open) return
  if (at('leave').open) at('leave').close()
  dialog.showModal()
  speak(`${say('message')}. ${at('message-text').textContent}`)
}
const idOf = (message) => (typeof message === 'string' ? message : message.id)

/** A new screen has come. */
function take(next) {
  const before = screen
  const left = remaining()
  const opened = before.state === 'locked' && next.state === 'running'
  const back = before.state !== 'locked' && before.state !== 'waiting' && next.state === 'locked'
  screen = next
  arrived = performance.now()
  const same = before.session === next.session && (before.state === 'running' || before.state === 'paused')
  if (!same || next.remaining_ms > left + 5_000) full = next.remaining_ms ?? 0
  if (!(next.messages ?? []).some((message) => idOf(message) === acknowledging)) acknowledging = undefined
  if (next.state !== 'running') {
    warned = undefined
    unfold()
    if (at('leave').open) at('leave').close()
  }
  if (back) forget()
  if (before.state !== next.state) {
    refusal = undefined
    put('answer', '')
  }
  render()
  if (opened) speak(say('opened', { time: inWords(remaining()) }))
  if (next.state === 'locked' && before.state !== 'locked' && !at('message').open) at('code').focus()
}

/** The next patron finds the kiosk as the first one did. */
function forget() {
  language = 'fr'
  size = 0
  voice = false
  at('code').value = ''
  put('spoken', '')
  at('contrast').setAttribute('aria-pressed', 'false')
  at('voice').setAttribute('aria-pressed', 'false')
  document.documentElement.className = ''
}

function unfold() {
  setFolded(false)
}
function setFolded(yes) {
  folded = yes
  document.body.classList.toggle('folded', yes)
  at('fold').setAttribute('aria-expanded', String(!yes))
  put('fold', say(yes ? 'unfold' : 'fold'))
}

function refuse(name, values, seconds) {
  refusal = name === undefined ? undefined : { name, values, ms: (seconds ?? 0) * 1000, until: seconds ? performance.now() + seconds * 1000 : undefined }
  render()
}

/** Asks the node for something. Undefined when it is done, otherwise why it was not. */
async function post(path, body = {}) {
  try {
    const response = await fetch(path, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), signal: AbortSignal.timeout(8_000),
    })
    if (response.ok) return undefined
    const problem = await response.json()
    return typeof problem?.error === 'string' ? problem : { error: 'failed' }
  } catch {
    return { error: 'failed' }
  }
}

async function open(event) {
  event.preventDefault()
  const code = at('code').value.trim()
  if (busy || at('enter').disabled) return
  if (!code) return refuse('empty')
  busy = true
  refuse()
  const problem = await post('/open', { code })
  busy = false
  if (problem === undefined) {
    at('code').value = ''
    return render()
  }
  refuse(problem.error, problem, problem.seconds ?? problem.retry_after_s)
  at('code').focus()
  at('code').select()
  if (voice) speak(at('refusal').textContent)
}

async function askFor(path, thanks) {
  const problem = await post(path)
  const words = say(problem === undefined ? thanks : problem.error)
  put('answer', words)
  if (screen.state !== 'running') speak(words)
}

function connect() {
  const opening = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/live`)
  socket = opening
  connected = performance.now()
  const again = () => {
    if (socket !== opening) return
    socket = undefined
    setTimeout(connect, RECONNECT_MS)
  }
  opening.onmessage = ({ data }) => {
    let told
    try {
      told = JSON.parse(data)
    } catch {
      return
    }
    heard = performance.now()
    if (typeof told?.state === 'string') take(told)
  }
  opening.onclose = again
}

/** A socket that says nothing any more is given up; closing it may take long, so it is not awaited. */
function watch() {
  if (socket === undefined || performance.now() - Math.max(heard, connected) <= SILENT_AFTER_MS) return
  const dead = socket
  socket = undefined
  dead.close()
  connect()
}

at('open').addEventListener('submit', open)
at('code').addEventListener('input', () => { if (refusal && !waiting) refuse() })
at('language').addEventListener('click', () => { language = language === 'fr' ? 'en' : 'fr'; render() })
at('contrast').addEventListener('click', ({ currentTarget }) => {
  currentTarget.setAttribute('aria-pressed', String(document.documentElement.classList.toggle('contrast')))
})
for (const [id, by] of [['smaller', -1], ['larger', 1]]) {
  at(id).addEventListener('click', () => {
    size = Math.min(LARGEST, Math.max(0, size + by))
    for (const n of [1, 2]) document.documentElement.classList.toggle(`larger-${n}`, n === size)
  })
}
at('voice').hidden = !('speechSynthesis' in window)
at('voice').addEventListener('click', ({ currentTarget }) => {
  voice = !voice
  currentTarget.setAttribute('aria-pressed', String(voice))
  if (voice) speak([screen.kiosk, ...[...document.querySelectorAll('main section:not([hidden]) > h2, label, #time')].filter((one) => one.offsetParent).map((one) => one.textContent)].join('. '))
  else speechSynthesis.cancel()
})
at('fold').addEventListener('click', () => setFolded(!folded))
at('ask').addEventListener('click', () => askFor('/ask-time', 'asked'))
at('call').addEventListener('click', () => askFor('/call', 'called'))
at('finish').addEventListener('click', () => at('leave').showModal())
at('stay').addEventListener('click', () => at('leave').close())
at('go').addEventListener('click', async () => {
  at('leave').close()
  const problem = await post('/finish')
  if (problem) put('answer', say(problem.error))
})
// A browser lets a second Escape through whatever the page says: then the message comes back.
at('message').addEventListener('cancel', (event) => event.preventDefault())
at('message').addEventListener('close', renderMessage)
at('read').addEventListener('click', async () => {
  const message = at('message').dataset.id
  acknowledging = message
  renderMessage()
  const problem = await post('/acknowledge', { message })
  if (problem && acknowledging === message) {
    acknowledging = undefined
    renderMessage()
  }
})

render()
connect()
setInterval(() => { watch(); draw() }, 250)

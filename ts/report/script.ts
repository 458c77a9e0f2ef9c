/** The little that runs in the page: copying tables, and following live runs. Plain text: it is put into the page as it is. */

/** Buttons with data-copy copy the field of that id, with its CR LF, which `value` would not have; where there is no clipboard, the field is shown with its text selected. */
export const copyScript = `
document.addEventListener('click', async (event) => {
  const button = event.target.closest('button[data-copy]')
  if (!button) return
  const field = document.getElementById(button.dataset.copy)
  const label = button.dataset.label ?? button.textContent
  button.dataset.label = label
  try {
    await navigator.clipboard.writeText(field.defaultValue)
    button.textContent = 'Copied'
  } catch {
    field.closest('details').open = true
    field.focus()
    field.select()
    button.textContent = 'Selected: copy it with the keyboard'
  }
  setTimeout(() => { button.textContent = label }, 2500)
})
`

/** Each message of /events is a new body. What is open, in focus, selected and scrolled to stays so. */
export const liveScript = `
const main = document.getElementById('main')
const status = document.getElementById('status')
const say = (text, lost) => {
  if (status.textContent !== text) status.textContent = text
  status.classList.toggle('lost', lost)
}
const show = (body) => {
  const byId = (selector, value) => new Map([...main.querySelectorAll(selector)].map((part) => [part.id, value(part)]))
  const open = byId('details[id]', (part) => part.open)
  const scrolled = byId('.scroll[id], textarea[id]', (part) => [part.scrollLeft, part.scrollTop])
  const active = document.activeElement
  const focused = main.contains(active) ? active.id : ''
  const selected = focused && active.matches('textarea') ? [active.selectionStart, active.selectionEnd] : null
  const [left, top] = [scrollX, scrollY]
  main.innerHTML = body
  for (const [id, isOpen] of open) {
    const part = document.getElementById(id)
    if (part) part.open = isOpen
  }
  for (const [id, [x, y]] of scrolled) {
    const part = document.getElementById(id)
    if (part) part.scrollTo(x, y)
  }
  if (focused) {
    const part = document.getElementById(focused)
    part?.focus({ preventScroll: true })
    if (selected) part?.setSelectionRange(...selected)
  }
  scrollTo({ left, top, behavior: 'instant' })
}
const events = new EventSource('/events')
events.addEventListener('open', () => say('live', false))
events.addEventListener('message', ({ data }) => { say('live', false); show(data) })
events.addEventListener('error', () => say('connection lost', true))
`

import './style/base.css'
import './style/parts.css'

import { createPinia } from 'pinia'
import { createApp } from 'vue'

import App from './App.vue'
import { language } from './locales/text'
import { takeTicketFromAddress, useLogin } from './login/login'
import { createPages } from './routes'

document.documentElement.lang = language.value

const app = createApp(App)
app.use(createPinia())

// Before the router reads the address: a ticket in it must not enter the history.
const ticket = takeTicketFromAddress()
const login = useLogin()
if (ticket !== undefined) await login.resume(ticket)

app.use(createPages())
app.mount('#app')

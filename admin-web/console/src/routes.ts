import { createRouter, createWebHistory, type Router, type RouteRecordRaw } from 'vue-router'

import type { TextKey } from './locales/text'
import { useLogin } from './login/login'

declare module 'vue-router' {
  interface RouteMeta {
    title?: TextKey
    /** Shown to whoever is not signed in. */
    open?: boolean
  }
}

const routes: RouteRecordRaw[] = [
  { path: '/', name: 'floor', component: () => import('./floor/FloorPage.vue'), meta: { title: 'floor.title' } },
  { path: '/codes', name: 'codes', component: () => import('./codes/CodesPage.vue'), meta: { title: 'codes.title' } },
  { path: '/cluster', name: 'cluster', component: () => import('./cluster/ClusterPage.vue'), meta: { title: 'cluster.title' } },
  { path: '/login', name: 'login', component: () => import('./login/LoginPage.vue'), meta: { title: 'login.title', open: true } },
  { path: '/:rest(.*)', name: 'unknown', component: () => import('./layout/UnknownPage.vue'), meta: { title: 'page.notFound', open: true } },
]

/** The pages, each behind the login unless it says otherwise. Reads the address when it is called. */
export function createPages(): Router {
  const router = createRouter({ history: createWebHistory(), routes })
  router.beforeEach(async (to) => {
    const login = useLogin()
    if (login.state === 'unknown') await login.look()
    if (!login.signedIn && !to.meta.open) return { name: 'login', query: { back: to.fullPath } }
    return true
  })
  return router
}

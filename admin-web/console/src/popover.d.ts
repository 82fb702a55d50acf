import 'vue'

// The browser's own popovers, which Vue's attribute types do not know yet.
declare module 'vue' {
  interface HTMLAttributes {
    popover?: boolean | '' | 'auto' | 'manual' | undefined
  }
  interface ButtonHTMLAttributes {
    popovertarget?: string | undefined
    popovertargetaction?: 'toggle' | 'show' | 'hide' | undefined
  }
}

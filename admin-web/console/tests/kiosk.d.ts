declare module '*/kiosk.js'

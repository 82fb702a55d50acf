import type { DeliveryView, LiveMessage, LiveTile, SessionView, Stage } from '../src/api/shapes'

export const stamp = { as_of_ms: 1_000_000, node: 'a'.repeat(64), behind_ms: 0 }

export function session(over: Partial<SessionView> = {}): SessionView {
  return {
    id: 's'.repeat(32), state: 'running', double: false, issued_by: 'o', valid_from_ms: 0, valid_until_ms: 9_000_000, granted_ms: 3_600_000, used_ms: 0, remaining_ms: 600_000,
    excess_ms: 0, at_ms: 1_000_000, running: true, ...over,
  }
}

export function tile(kiosk: string, over: Partial<LiveTile> = {}): LiveTile {
  return { kiosk, name: `Poste ${kiosk}`, named: true, state: 'free', nodes: [], reachable: true, alarms: [], unread: 0, ...over }
}

export function delivery(request: string, stage: Stage, over: Partial<DeliveryView> = {}): DeliveryView {
  return { request, entry: `e:${request}`, command: 'extend', at_ms: 1_000_000, stage, ...over }
}

export function snapshot(over: Partial<Extract<LiveMessage, { type: 'snapshot' }>> = {}): LiveMessage {
  return {
    type: 'snapshot', ...stamp, site_name: 'Médiathèque', default_seconds: 3600, rooms: [], tiles: [], codes: [], deliveries: [], admins: [],
    operator: { id: 'o', name: 'Marie', role: 'host' }, ...over,
  }
}

export function update(over: Partial<Extract<LiveMessage, { type: 'update' }>> = {}): LiveMessage {
  return { type: 'update', ...stamp, tiles: [], tiles_gone: [], codes: [], codes_gone: [], deliveries: [], ...over }
}

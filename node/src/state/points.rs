//! Points (积分): what askers owe owners for declared reads. Owns the accounts and their one movement.
//! Invariant: every movement takes from one account what it gives another, so that the sum over all accounts is zero.
//! Must not know: which answers are paid for.

use super::backing::Backing;
use super::keys;
use super::overlay::Overlay;
use crate::transaction::DepartmentId;

/// An account's balance from its stored bytes; an account never used stands at zero.
pub(super) fn balance(bytes: Option<&[u8]>) -> i64 {
    bytes.and_then(|b| b.try_into().ok()).map_or(0, i64::from_be_bytes)
}

/// Moves `points` from `from` to `to`. A movement that an account cannot hold does not happen: 2^63 points are out of reach.
pub(super) fn transfer<B: Backing>(state: &mut Overlay<'_, B>, from: DepartmentId, to: DepartmentId, points: u32) {
    if from == to || points == 0 {
        return;
    }
    let (source, target) = (keys::points(from), keys::points(to));
    let debit = balance(state.get(&source).as_deref()).checked_sub(i64::from(points));
    let credit = balance(state.get(&target).as_deref()).checked_add(i64::from(points));
    if let (Some(debit), Some(credit)) = (debit, credit) {
        state.put_bytes(source, debit.to_be_bytes().to_vec());
        state.put_bytes(target, credit.to_be_bytes().to_vec());
    }
}

/// The sum over all accounts.
pub(super) fn sum<B: Backing>(state: &Overlay<'_, B>) -> i128 {
    state.scan(keys::POINTS).iter().map(|(_, value)| i128::from(balance(Some(value)))).sum()
}

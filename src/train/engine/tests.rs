use super::*;

#[test]
fn no_micro_batch_is_too_small_for_the_network() {
    let sizes = |parts, least| split(&[0, 1, 2, 3, 4], parts, least).map(<[usize]>::len).collect::<Vec<_>>();
    assert_eq!((sizes(2, 1), sizes(4, 1), sizes(9, 1)), (vec![2, 3], vec![1, 1, 1, 2], vec![1; 5]));
    assert_eq!((sizes(2, 2), sizes(4, 2)), (vec![2, 3], vec![2, 3]));
    assert_eq!(split(&[7], 4, 2).collect::<Vec<_>>(), [[7]]);
}

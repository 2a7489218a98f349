-- title: 카테고리별 판매
-- description: 상위 카테고리별 주문 수, 판매 수량, 매출. 취소와 환불은 뺀다.
-- chart: bar x=category y=revenue
WITH product_category AS (
    SELECT
        p.product_id,
        COALESCE(parent.name, c.name) AS category
    FROM products p
    JOIN categories c ON c.category_id = p.category_id
    LEFT JOIN categories parent ON parent.category_id = c.parent_id
)
SELECT
    pc.category,
    COUNT(DISTINCT o.order_id) AS orders,
    SUM(i.quantity) AS quantity,
    SUM(i.quantity * i.unit_price) AS revenue
FROM orders o
JOIN order_items i ON i.order_id = o.order_id
JOIN product_category pc ON pc.product_id = i.product_id
WHERE o.status NOT IN ('cancelled', 'refunded')
GROUP BY pc.category
ORDER BY revenue DESC, pc.category
